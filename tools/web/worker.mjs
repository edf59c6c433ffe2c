// A thread of pool.mjs. The first message brings the module and the model; then each {call, args} is answered by {result},
// {error} or, before those, {progress}. The next one comes when the last is answered.

import { Service } from './service.mjs';

let service;

async function answer({ call, args, module, model, widen }) {
  if (call !== undefined) return service[call](...args, (done, total) => postMessage({ progress: { done, total } }));
  service = new Service(module, new Uint8Array(await model.arrayBuffer()), widen);
  return service.info();
}

addEventListener('message', async ({ data }) => {
  try {
    const result = await answer(data);
    postMessage({ result, memoryBytes: service.info().memoryBytes });
  } catch (error) {
    postMessage({ error: { message: String(error?.message ?? error), code: error?.code } });
  }
});
