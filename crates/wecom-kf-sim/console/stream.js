// One stream of events for all tabs of a corp. A browser opens six connections to an address: with a stream for each tab
// the seventh tab would wait forever. The tab that holds the lock reads the stream and passes the events on; when it is
// closed, the browser gives the lock to another one. Where there are no locks, each tab reads a stream of its own.

/** How long a tab waits for the tab that reads, in milliseconds, before it reads the stream itself. */
const PATIENCE_MS = 10_000;

/**
 * @typedef {object} Reader What a tab does with the stream.
 * @property {() => void} read Opens the stream; this tab passes on from now on.
 * @property {(event: Passed) => void} event
 * @property {(state: State) => void} state The tab that reads is connected, or not.
 * @property {() => State} own What this tab would say.
 */

/** @typedef {{ number: number, kind: string, data: string, instance: string }} Passed */
/** @typedef {{ connection: 'live' | 'loading' | 'stopped', instance: string | null }} State */

/** @type {BroadcastChannel | null} */
let channel = null;
let isReader = false;

/** Listens to the tab that reads. Call it before the state is loaded, so that nothing is missed in between. @param {string} name @param {Reader} reader */
export function join(name, reader) {
  if (typeof BroadcastChannel === 'undefined') return;
  channel = new BroadcastChannel(name);
  channel.onmessage = ({ data }) => {
    if (data.type === 'who' && isReader) channel?.postMessage({ type: 'state', state: reader.own() });
    if (isReader) return;
    if (data.type === 'event') reader.event(data.event);
    if (data.type === 'state') {
      clearTimeout(waiting);
      reader.state(data.state);
    }
  };
}

let waiting = 0;

/** Reads the stream, now or when the tab that does is closed. @param {string} name @param {Reader} reader */
export function readOrWait(name, reader) {
  if (!channel || !navigator.locks) return become(reader);
  navigator.locks.request(name, () => {
    become(reader);
    // Held until the tab is closed.
    return new Promise(() => {});
  });
  channel.postMessage({ type: 'who' });
  waiting = setTimeout(() => become(reader), PATIENCE_MS);
}

/** @param {Reader} reader */
function become(reader) {
  clearTimeout(waiting);
  if (isReader) return;
  isReader = true;
  reader.read();
}

/** @param {Passed} event */
export function passOn(event) {
  if (isReader) channel?.postMessage({ type: 'event', event });
}

/** @param {State} state */
export function tellState(state) {
  if (isReader) channel?.postMessage({ type: 'state', state });
}
