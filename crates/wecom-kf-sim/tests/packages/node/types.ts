//! What TypeScript makes of the declarations. It is compiled, not run.

import { Control, type Customer as SimulatedCustomer, simulator } from "wecom-kf-sim";
import type { Customer, Entry } from "wecom-kf-sim/control";

export async function takes(t: { after(hook: () => Promise<void>): void }): Promise<void> {
  const sim = await simulator(t, { seed: 7, clock: "manual", servicers: ["zhangsan"], allow: ["two_readers"] });
  const wang: SimulatedCustomer = await sim.customer("小王");
  await wang.says({ msgtype: "image", image: { media_id: "x" } });
  const text: string | undefined = (await wang.hears(/你好/, { within: 60 })).text;
  const rows: Entry[] = await sim.called("send_msg", { times: 2, errcode: 0 });
  const customer: Customer = await sim.control.customer({ id: wang.externalUserid });
  const ended: boolean = customer.session.state === 4;
  await sim.fault("send_msg", "errcode", { errcode: -1, times: rows.length });
  await using other = await new Control(sim.baseUrl).state().then(() => sim);
  console.log(text, ended, other.baseUrl);

  // @ts-expect-error There is no such clock.
  await simulator(t, { clock: "slow" });
  // @ts-expect-error There is no such effect.
  await sim.fault("send_msg", "errcod");
  // @ts-expect-error There is no such finding.
  sim.allowed.add("no_such_finding");
  // @ts-expect-error A name is needed.
  await sim.control.customerAdd({});
  // @ts-expect-error There is no state 5.
  console.log(customer.session.state === 5);
}
