// A chat as a Rust test against the simulator.

/** The test. It is the chat as it went, not what it should be: read it before you keep it. */
export function testOf(person, entries, { servicers }) {
  return '';
}
