// A list that grows at its end. Its reader stays at the end, until he scrolls away; then what is new is only counted.

import { t } from './words.js';

/** How far from the end still counts as there, in pixels. */
const NEAR = 32;

export function follow(scroller, button) {
  let following = true;
  let fresh = 0;

  const show = () => {
    button.hidden = following || fresh === 0;
    button.textContent = t('new', { count: fresh });
  };
  const toEnd = () => {
    scroller.scrollTop = scroller.scrollHeight;
  };
  const restart = () => {
    following = true;
    fresh = 0;
    show();
    toEnd();
  };
  scroller.addEventListener(
    'scroll',
    () => {
      const isNear = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
      if (isNear) fresh = 0;
      following = isNear;
      show();
    },
    { passive: true },
  );
  button.addEventListener('click', () => {
    restart();
    scroller.focus({ preventScroll: true });
  });
  new ResizeObserver(() => following && toEnd()).observe(scroller);
  new ResizeObserver(() => following && toEnd()).observe(scroller.firstElementChild);

  return {
    /** So many more are at the end. */
    grew(count) {
      if (following) toEnd();
      else fresh += count;
      show();
    },
    /** Somebody looks at one of them. */
    pause() {
      following = false;
    },
    restart,
    isFollowing: () => following,
  };
}
