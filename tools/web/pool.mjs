// The threads that calls run in, each with a model of its own: they share no memory, so a page needs no cross-origin
// isolation. A thread has one call at a time; the others wait here, where they cost nothing to cancel.

import { LevitError } from './engine.mjs';
import { Service } from './service.mjs';

const WORTH_A_THREAD = 4; // waiting calls: a thread takes as long to start as a few pictures take

const cancelled = () => new LevitError('cancelled', 'CANCELLED');

// In a worker.
class WorkerThread {
  #answer; // to the call that runs; first to the start
  memoryBytes = 0;

  constructor(start) {
    this.worker = new Worker(new URL('worker.mjs', import.meta.url), { type: 'module' });
    this.worker.addEventListener('message', ({ data }) => this.#receive(data));
    this.worker.addEventListener('error', ({ message }) => this.#receive({ error: { message: message || 'the worker does not start' } }));
    this.ready = this.#send(start);
    this.ready.catch(() => {}); // whoever calls hears of it
  }

  async call(call, args, progress) {
    await this.ready;
    return this.#send({ call, args }, progress);
  }

  #send(message, progress) {
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject, progress };
      this.worker.postMessage(message);
    });
  }

  #receive({ result, error, progress, memoryBytes }) {
    if (progress !== undefined) {
      this.#answer.progress?.(progress.done, progress.total);
      return;
    }
    this.memoryBytes = memoryBytes ?? this.memoryBytes;
    if (error === undefined) this.#answer.resolve(result);
    else this.#answer.reject(new LevitError(error.message, error.code));
  }
}

// In the caller's: nothing else is done before a call ends, and only its progress can cancel it.
class OwnThread {
  constructor({ module, model, widen }) {
    this.ready = (async () => {
      this.service = new Service(module, model, widen);
      return this.service.info();
    })();
    this.ready.catch(() => {});
  }

  get memoryBytes() {
    return this.service.info().memoryBytes;
  }

  async call(call, args, progress, signal) {
    await this.ready;
    return this.service[call](...args, (done, total) => progress?.(done, total) !== false && !signal?.aborted);
  }
}

const bytesOf = async (model) => (model instanceof Uint8Array ? model : new Uint8Array(await model.arrayBuffer()));

export class Pool {
  #start; // what a thread begins with: { module, model, widen }
  #most; // threads; 0: the caller's own
  #threads = [];
  #waiting = []; // tasks
  #seenBy = new WeakMap(); // the thread that has decoded a picture last

  constructor(start, most) {
    this.#start = start;
    this.#most = most;
    this.#add();
  }

  // What the model is.
  ready() {
    return this.#threads[0].ready;
  }

  // picture: what the call is about; first: it goes before others that wait.
  call(call, args, { picture, first, signal, progress } = {}) {
    return this.#enter({ picture, first, signal, run: (thread) => thread.call(call, args, progress, signal) });
  }

  // Another model from here on, for workers a Blob; calls made before are answered by the one before. One that is refused
  // changes nothing.
  use(model) {
    const run = async (thread) => {
      const bytes = await bytesOf(model);
      const info = await thread.call('use', [bytes]).catch(async (error) => {
        await thread.call('use', [await bytesOf(this.#start.model)]);
        throw error;
      });
      this.#start = { ...this.#start, model: this.#most === 0 ? bytes : model };
      for (const other of this.#threads.filter((one) => one !== thread)) this.#end(other);
      return info;
    };
    return this.#enter({ alone: true, run });
  }

  memoryBytes() {
    return this.#threads.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  }

  close() {
    this.#most = 0;
    for (const thread of [...this.#threads]) {
      thread.task?.reject(cancelled());
      this.#end(thread);
    }
    for (const task of this.#waiting.splice(0)) task.reject(cancelled());
  }

  #enter(task) {
    return new Promise((resolve, reject) => {
      if (task.signal?.aborted || this.#threads.length === 0) return reject(cancelled()); // none: it is closed
      const onabort = () => this.#cancel(task);
      const settle = (way) => (value) => {
        task.signal?.removeEventListener('abort', onabort);
        way(value);
      };
      Object.assign(task, { resolve: settle(resolve), reject: settle(reject) });
      task.signal?.addEventListener('abort', onabort);
      if (task.first) this.#waiting.splice(this.#waiting.findLastIndex(({ alone }) => alone) + 1, 0, task);
      else this.#waiting.push(task);
      this.#next();
    });
  }

  // Gives what waits to threads that do nothing, and starts another thread when much waits.
  #next() {
    while (this.#waiting.length > 0) {
      const [task] = this.#waiting;
      if (task.signal?.aborted) { // as others of the same signal, whose turn it is to be told: no thread begins with it
        this.#waiting.shift();
        task.reject(cancelled());
        continue;
      }
      const idle = this.#threads.filter((thread) => thread.task === undefined);
      if (this.#threads.some((thread) => thread.task?.alone) || (task.alone && idle.length < this.#threads.length)) return;
      const thread = idle.find((one) => one === this.#seenBy.get(task.picture)) ?? idle[0]
        ?? (this.#threads.length < this.#most && this.#waiting.length >= WORTH_A_THREAD ? this.#add() : undefined);
      if (thread === undefined) return;
      this.#waiting.shift();
      this.#give(thread, task);
    }
  }

  async #give(thread, task) {
    thread.task = task;
    try {
      await thread.ready;
    } catch {
      if (this.#threads.length > 1) { // no memory for one more: the others go on
        this.#end(thread);
        this.#most = this.#threads.length;
        this.#waiting.unshift(task);
        return this.#next();
      }
    }
    if (task.picture) this.#seenBy.set(task.picture, thread);
    await task.run(thread).then(task.resolve, task.reject);
    thread.task = undefined;
    this.#next();
  }

  #cancel(task) {
    const at = this.#waiting.indexOf(task);
    if (at >= 0) this.#waiting.splice(at, 1);
    else if (this.#most === 0) return; // its progress says so
    else {
      this.#end(this.#threads.find((thread) => thread.task === task));
      if (this.#threads.length === 0) this.#add();
    }
    task.reject(cancelled());
    this.#next();
  }

  #add() {
    const thread = this.#most === 0 ? new OwnThread(this.#start) : new WorkerThread(this.#start);
    this.#threads.push(thread);
    return thread;
  }

  #end(thread) {
    thread.worker?.terminate();
    this.#threads.splice(this.#threads.indexOf(thread), 1);
  }
}
