// Learned models in IndexedDB: { id, name, labels, detail, created, bytes (a Blob of the .levit file) }.

function request(of) {
  return new Promise((resolve, reject) => {
    of.onsuccess = () => resolve(of.result);
    of.onerror = () => reject(of.error);
  });
}

async function store(mode) {
  const opening = indexedDB.open('levit', 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('models', { keyPath: 'id', autoIncrement: true });
  const database = await request(opening);
  const transaction = database.transaction('models', mode);
  transaction.oncomplete = transaction.onabort = () => database.close();
  return transaction.objectStore('models');
}

export const all = async () => request((await store('readonly')).getAll());
export const add = async (model) => request((await store('readwrite')).add(model));
export const remove = async (id) => request((await store('readwrite')).delete(id));
