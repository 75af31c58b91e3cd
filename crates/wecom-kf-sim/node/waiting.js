//! How long tests wait for the bot.

/** Seconds to wait for the bot unless the test says otherwise. A machine that is busy must still pass. */
export const PATIENCE_S = 60;
/** The simulator answers a waiting request after this many seconds at the latest. */
const LONGEST_WAIT_S = 60;

export function asDuration(duration) {
  return typeof duration === "string" ? duration : `${Math.round(duration * 1000)}ms`;
}

/** The waits that make up this many seconds, each at most `longest`; the first one comes even if there is no time. */
export function* waits(within, longest = LONGEST_WAIT_S) {
  const end = performance.now() + within * 1000;
  for (;;) {
    const left = (end - performance.now()) / 1000;
    yield asDuration(Math.max(0, Math.min(left, longest)));
    if (performance.now() >= end) return;
  }
}
