//! Types of the simulator and its people, as tests use them.

import type { ChildProcess } from "node:child_process";
import type {
  ChatEntry,
  Control,
  CustomerEnterChannels,
  CustomerUpgradeOffer,
  Entry,
  FaultEffect,
  FindingName,
  Message,
  NewFault,
  Report,
  Session,
} from "./control.js";

export type * from "./control.js";
export { Control } from "./control.js";
export { ControlError } from "./transport.js";

/** The simulator, or a bot, did not start. */
export declare class StartError extends Error {}

/** Returns the path of the program in this package, or the one that `WECOM_KF_SIM` names. */
export declare function program(): string;

/** Seconds, or a text such as `49h`. */
export type Duration = number | string;

/** A message that a customer got from the bot. */
export declare class Heard {
  readonly entry: ChatEntry;
  readonly msgtype: string;
  readonly body: Record<string, any>;
  readonly msgid: string | null;
  /** The content of a text, undefined for another kind. */
  get text(): string | undefined;
  /** The labels of the items of a menu that send a text when they are tapped; empty for another kind. */
  get labels(): string[];
}

/** A customer at one account. The test says what the customer does. */
declare class SimulatedCustomer {
  readonly externalUserid: string;
  readonly openKfid: string;
  readonly name: string;
  /** Writes a text, or a message such as `{ msgtype: "image" }`. Returns its msgid. */
  says(message: string | Message): Promise<string>;
  /** Sends a file with this content. Returns the msgid. */
  sends(kind: "image" | "voice" | "video" | "file", content: Uint8Array, options?: { filename?: string }): Promise<string>;
  /**
   * Waits for the next message of the bot, and returns it. Messages of servicers are not returned. With `expected` the message
   * must be this text, or match this pattern somewhere. Fails after `within` seconds, 60 by default.
   */
  hears(expected?: string | RegExp, options?: { within?: number }): Promise<Heard>;
  /**
   * Fails if the bot sends this customer a message within `seconds`, 1 by default. Waits first until the bot has read what the
   * customer wrote, for `within` seconds at most, 60 by default: a bot that has seen nothing is silent, too.
   */
  staysSilent(seconds?: number, options?: { within?: number }): Promise<void>;
  /** Returns the chat as the customer sees it, oldest entry first. */
  chat(): Promise<ChatEntry[]>;
  /** Opens the chat, as from a link or a 视频号. Returns the welcome_code, or null if the rules grant none. */
  enters(link?: {
    scene?: string;
    scene_param?: string;
    url?: string;
    channels?: CustomerEnterChannels;
  }): Promise<string | null>;
  /** Taps an item of a menu. Returns the msgid of the text that this sends. */
  taps(menuId: string, options?: { content?: string }): Promise<string>;
  /** Recalls an own message. */
  recalls(msgid: string): Promise<void>;
  /** Rates the servicer who asked for it. */
  rates(rating: "satisfied" | "middling" | "dissatisfied"): Promise<void>;
  /** Returns what the bot offers by upgrade_service, or null. */
  offer(): Promise<CustomerUpgradeOffer | null>;
  /** Waits until the bot offers this member or group by upgrade_service. Fails after `within` seconds, 60 by default. */
  isOffered(id: string, options?: { within?: number }): Promise<void>;
  /** Accepts what the bot offered by upgrade_service. */
  acceptsOffer(): Promise<void>;
  /** Waits until this servicer has the session. Fails after `within` seconds, 60 by default. */
  isWith(userid: string, options?: { within?: number }): Promise<void>;
  /** Changes what customer/batchget returns. An empty text removes the avatar or the unionid. */
  setProfile(profile: { gender?: 0 | 1 | 2; avatar?: string; unionid?: string }): Promise<void>;
  /** Returns the session as it is now. */
  session(): Promise<Session>;
  /** Returns the state of the session: 0 untreated, 1 assistant, 2 queue, 3 servicer, 4 ended or never begun. */
  state(): Promise<Session["state"]>;
}
export { SimulatedCustomer as Customer };

/** A servicer. The test says what the servicer does in the WeCom client. */
declare class SimulatedServicer {
  readonly userid: string;
  /** Takes the customer's session. */
  takes(customer: SimulatedCustomer): Promise<void>;
  /**
   * Writes a text to the customer, or a message such as `{ msgtype: "image" }`. Returns its msgid. Takes the session first if
   * somebody else has it.
   */
  says(customer: SimulatedCustomer, message: string | Message): Promise<string>;
  /** Recalls an own message to the customer. */
  recalls(customer: SimulatedCustomer, msgid: string): Promise<void>;
  /** Transfers the customer's session to another servicer. */
  transfers(customer: SimulatedCustomer, to: SimulatedServicer | string): Promise<void>;
  /** Ends the customer's session. */
  ends(customer: SimulatedCustomer): Promise<void>;
  /** Asks the customer for a rating. */
  asksToRate(customer: SimulatedCustomer): Promise<void>;
  /** Switches 不再接收消息 on for the customer. */
  rejects(customer: SimulatedCustomer): Promise<void>;
  /** Switches 不再接收消息 off for the customer. */
  stopsRejecting(customer: SimulatedCustomer): Promise<void>;
  /** Stops receiving customers. */
  stops(): Promise<void>;
  /** Is suspended (暂时挂起): new sessions go to others. */
  suspends(): Promise<void>;
  /** Receives customers again. */
  resumes(): Promise<void>;
}
export { SimulatedServicer as Servicer };

/** A fault that was added. */
declare class AddedFault {
  readonly id: number;
  /** Returns the number of calls or callbacks that it hit. */
  hits(): Promise<number>;
  /** Removes the fault. */
  remove(): Promise<void>;
}
export { AddedFault as Fault };

/** One corp of a simulator: its people, its faults and what its bot did. */
declare class SimulatedCorp {
  /** The whole control API. */
  readonly control: Control;
  readonly baseUrl: string;
  /** Names of findings that `check` does not report. */
  readonly allowed: Set<FindingName>;
  /** Returns the variables of the bot's environment, `WECOM_…`, with those of the callback if one is set. */
  env(): Promise<Record<string, string>>;
  corpId(): Promise<string>;
  /** Returns the accounts. */
  openKfids(): Promise<string[]>;
  /** Returns the customer of this name at an account, the first one unless it is named. */
  customer(name: string, options?: { openKfid?: string }): Promise<SimulatedCustomer>;
  /** Returns the servicer of this userid, who is added if new and then serves every account. */
  servicer(userid: string): Promise<SimulatedServicer>;
  /**
   * Adds a fault, such as `fault("send_msg", "errcode", { errcode: -1, times: 2 })`. `operation` may be `*` for every call,
   * or `callback`. The faults of an operation queue.
   */
  fault(
    operation: string,
    effect: FaultEffect,
    members?: Omit<NewFault, "operation" | "effect">,
  ): Promise<AddedFault>;
  /** Sends callbacks to this URL from now on. `env` has the callback's token and key then. */
  setCallback(url: string, options?: { token?: string; aesKey?: string }): Promise<void>;
  /** Verifies the callback's URL as WeCom does when its settings are saved. Fails if the bot answers wrongly. */
  verifyCallback(): Promise<void>;
  /** Waits until the bot has made so many calls of an operation since the start, and returns their journal rows. */
  called(operation: string, options?: { times?: number; errcode?: number; within?: number }): Promise<Entry[]>;
  /** Returns the rows of the bot's calls so far, of one operation or of all. */
  calls(operation?: string): Promise<Entry[]>;
  /** Returns what is wrong with the bot, as far as it was seen. */
  report(): Promise<Report>;
  /** Fails if there are findings other than those that are allowed, here or by `allowed`. */
  check(options?: { allow?: Iterable<FindingName> }): Promise<void>;
  /** Starts over: no customers, faults, calls and findings. */
  reset(): Promise<void>;
}
export { SimulatedCorp as Corp };

/** A bot that was started as a process. */
export declare class Bot {
  readonly process: ChildProcess;
  /** Ends the bot, and kills it if it does not end by itself. */
  stop(): Promise<void>;
}

/** How a simulator is started. */
export interface Options {
  /** Makes ids, tokens and cursors the same each time. */
  seed?: number | bigint;
  /** `manual` stands still but for `advance`, at the present time. A number is the Unix time at which it stands. */
  clock?: "real" | "manual" | number;
  /** Names of accounts; 小店 without. */
  accounts?: string[];
  /** Members who serve every account. */
  servicers?: string[];
  /** Whether fields that the document does not know are refused, or only reported. */
  strictness?: "strict" | "lenient";
  /** Ids of assumptions that do not hold. */
  disabledAssumptions?: string[];
  /** A TOML file, which the other options override. */
  config?: string;
  /** A file: the state is loaded from it, if it exists, and saved to it at the end. */
  state?: string;
  /** Prints a line for each call and callback. */
  log?: boolean;
}

/** A simulator that runs as a child process. As a corp, it is the first one. */
export declare class Simulator extends SimulatedCorp {
  private constructor();
  /** The bots that were started, those that have ended too. */
  readonly bots: Bot[];
  /** Starts a simulator on a free port. */
  static start(options?: Options): Promise<Simulator>;
  /** Returns another corp of the same simulator. */
  corp(corpId: string): SimulatedCorp;
  /** Returns Unix seconds of the simulator's clock. */
  now(): Promise<number>;
  /** Puts the clock forward. */
  advance(duration: Duration): Promise<void>;
  /**
   * Starts a bot with the simulator's variables in its environment. It ends with the simulator. With `callback`, a path such
   * as `/callback`, callbacks go to a free port of 127.0.0.1; `WECOM_KF_LISTEN` tells the bot address and port, and the
   * promise is fulfilled when the bot listens there.
   */
  startBot(
    command: [program: string, ...parameters: string[]],
    options?: { callback?: string; env?: Record<string, string> },
  ): Promise<Bot>;
  /** Ends the bots, then the simulator. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a simulator for one test of node:test. It ends with the test, which fails if the simulator finds mistakes of the bot
 * other than those of `allow`.
 */
export declare function simulator(
  t: { after(hook: () => Promise<void>): void },
  options?: Options & { allow?: FindingName[] },
): Promise<Simulator>;
