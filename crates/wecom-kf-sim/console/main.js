// The console of wecom-kf-sim. Plain modules over the control API: no build, nothing from elsewhere.

import { followHistory, readAddress } from './address.js';
import { assumptions } from './assumptions.js';
import { bar } from './bar.js';
import { callbacks } from './callbacks.js';
import { chat } from './chat.js';
import { compose } from './compose.js';
import { faults } from './faults.js';
import { findings } from './findings.js';
import { journal } from './journal.js';
import { keys } from './keys.js';
import { live } from './live.js';
import { panes } from './panes.js';
import { people } from './people.js';
import { everything } from './store.js';
import { preferred, speak } from './words.js';

await speak(preferred(readAddress()));
for (const start of [
  panes,
  bar,
  people,
  chat,
  compose,
  journal,
  findings,
  faults,
  callbacks,
  assumptions,
  keys,
  followHistory,
])
  start();
everything();
await live();
