// Times and durations as people read them.

import { language } from './words.js';

const two = (number) => String(number).padStart(2, '0');

/** 14:32:15, where the reader is. */
export function clockTime(seconds) {
  const date = new Date(seconds * 1_000);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** 14:32, with the day if it is not the simulator's today. */
export function shortTime(seconds, now) {
  const date = new Date(seconds * 1_000);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return date.toDateString() === new Date(now * 1_000).toDateString()
    ? time
    : `${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

/** 11-22 14:32:15. */
export function dayTime(seconds) {
  const date = new Date(seconds * 1_000);
  return `${two(date.getMonth() + 1)}-${two(date.getDate())} ${clockTime(seconds)}`;
}

export const fullTime = (seconds) => new Date(seconds * 1_000).toLocaleString(language);

/** 47:58 from an hour on, else 09:30; `withSeconds` has 1:58:12. */
export function left(seconds, withSeconds) {
  const rest = Math.max(0, Math.ceil(seconds));
  const [hours, minutes, rests] = [Math.floor(rest / 3_600), Math.floor(rest / 60) % 60, rest % 60];
  if (hours > 0) return withSeconds ? `${hours}:${two(minutes)}:${two(rests)}` : `${hours}:${two(minutes)}`;
  return `${minutes}:${two(rests)}`;
}
