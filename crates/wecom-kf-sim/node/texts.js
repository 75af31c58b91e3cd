//! What a failure says: the last calls of the bot, and findings, in the reader's language.

import { AssertionError } from "node:assert";

/** How many of the bot's calls an error shows. */
const SHOWN_CALLS = 10;

export function fail(message, actual, expected) {
  throw new AssertionError({ message, actual, expected, operator: "wecom-kf-sim" });
}

/** A text in the reader's language: that of the first of these variables that is not empty. */
export function words({ en, zh }) {
  const { WECOM_KF_LANG, LC_ALL, LC_MESSAGES, LANG } = process.env;
  return (WECOM_KF_LANG || LC_ALL || LC_MESSAGES || LANG || "").startsWith("zh") ? zh : en;
}

export function finding({ name, count, title, proof, remedy }) {
  return `  ${[`${name} ×${count}: ${words(title)}`, words(proof), words(remedy)].join("\n    ")}`;
}

/** What the bot did last, for the text of a failure. */
export async function lastCalls(corp) {
  const ended = (corp.bots ?? []).map((bot) => bot.process).filter(hasEnded);
  const said = ended.map(({ exitCode, signalCode }) => `The bot has ended with ${exitCode ?? signalCode}. `).join("");
  const { entries } = await corp.control.journal({ limit: SHOWN_CALLS });
  if (entries.length === 0) return `${said}The bot made no call, and got no callback.`;
  return [`${said}The last calls and callbacks:`, ...entries.map(row)].join("\n");
}

function row({ kind, operation, errcode, status, problem, fault, reply, findings }) {
  const outcome = errcode === null ? `HTTP ${status}` : `errcode ${errcode}`;
  // Why a call was refused, without WeCom's own hints at its end.
  const errmsg = errcode ? reply?.errmsg?.split(", hint: ")[0] : undefined;
  const remarks = [problem && words(problem), fault && `fault: ${fault}`, errmsg, ...findings].filter(Boolean);
  return [`  ${kind === "call" ? "→" : "←"} ${operation}`, outcome, ...remarks].join("  ");
}

/** Whether a process has ended. */
export function hasEnded(child) {
  return child.exitCode !== null || child.signalCode !== null;
}
