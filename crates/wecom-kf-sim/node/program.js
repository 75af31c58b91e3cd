//! Finds and starts the program `wecom-kf-sim`.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The simulator, or a bot, did not start. */
export class StartError extends Error {
  name = "StartError";
}

/** Returns the path of the program in this package, or the one that `WECOM_KF_SIM` names. */
export function program() {
  const name = process.platform === "win32" ? "wecom-kf-sim.exe" : "wecom-kf-sim";
  return process.env.WECOM_KF_SIM || fileURLToPath(new URL(`./${name}`, import.meta.url));
}

/** The program as a child: it ends when this process does, however that comes. */
export class Process {
  #child;

  constructor(child, baseUrl) {
    this.#child = child;
    this.baseUrl = baseUrl;
  }

  static async start(parameters, { log = false } = {}) {
    const path = program();
    const child = spawn(path, ["--child", ...parameters], { stdio: ["pipe", "pipe", log ? "inherit" : "ignore"] });
    const failed = once(child, "error").then(([error]) => {
      throw new StartError(`${path} cannot be started: ${error.message}`);
    });
    const line = await Promise.race([firstLine(child.stdout), failed]);
    failed.catch(() => {});
    const ready = parse(line);
    if (ready.base_url === undefined) {
      throw new StartError(`the simulator did not start: ${ready.error ?? "set `log` to see why"}`);
    }
    // A test that forgets to stop it must not keep this process alive.
    for (const handle of [child, child.stdin, child.stdout]) handle.unref();
    return new Process(child, ready.base_url);
  }

  /** Ends the program and waits for its end. */
  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.ref();
    const ended = once(this.#child, "exit");
    this.#child.stdin.end();
    await ended;
  }
}

async function firstLine(stream) {
  for await (const line of createInterface({ input: stream })) return line;
  return "{}";
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return {};
  }
}
