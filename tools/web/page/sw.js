// Offline: every file of this version is kept, and the page asks the network for none of them again. A new version is
// fetched beside the old one and takes over when the last page that uses the old one is closed.
const CACHE = 'levit-@VERSION@';
const FILES = ['@FILES@'];
const KEPT_BY_PAGE = ['ai_vs_real.levit', 'levit.wasm', 'levit-plain.wasm']; // app.mjs: once, and only what it needs

self.addEventListener('install', (event) => {
  // 'no-cache' asks the server whether its own copy is newer, so that no file of two versions meet.
  const requests = FILES.map((file) => new Request(file, { cache: 'no-cache' }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)));
});

self.addEventListener('activate', (event) => {
  const outdated = (name) => name.startsWith('levit-') && name !== CACHE;
  event.waitUntil((async () => {
    await Promise.all((await caches.keys()).filter(outdated).map((name) => caches.delete(name)));
    await self.clients.claim();
  })());
});

async function answer(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: true });
  return kept ?? fetch(request);
}

self.addEventListener('fetch', (event) => {
  const { url, method } = event.request;
  const scope = self.registration.scope;
  if (method !== 'GET' || !url.startsWith(scope)) return;
  const name = url.slice(scope.length).replace(/[?#].*/, '');
  if (name === '' || FILES.includes(name) || KEPT_BY_PAGE.includes(name)) event.respondWith(answer(event.request));
});
