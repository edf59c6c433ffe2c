// The thread of levit.mjs in a browser. The first message brings the module and the model; then each {id, call, args}
// is answered by {id, result}, {id, error} or, before those, {id, progress}.

import { Service } from './service.mjs';

let service;

function failure(error) {
  return { message: String(error?.message ?? error), code: error?.code };
}

async function start({ module, model, widen }) {
  try {
    service = new Service(module, new Uint8Array(await model.arrayBuffer()), widen);
    postMessage({ id: 0, result: service.info() });
  } catch (error) {
    postMessage({ id: 0, error: failure(error) });
  }
}

async function answer({ id, call, args }) {
  const progress = (done, total) => postMessage({ id, progress: { done, total } });
  try {
    const result = await service[call](...args, progress);
    postMessage({ id, result });
  } catch (error) {
    postMessage({ id, error: failure(error) });
  }
}

// One after another: a picture is shown to the network by one call and read by the next line of the same.
let last = Promise.resolve();
addEventListener('message', ({ data }) => {
  last = last.then(() => (data.call === undefined ? start(data) : answer(data)));
});
