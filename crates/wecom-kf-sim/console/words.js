// The words of the two languages. The files have the same keys.

const LANGUAGES = ['en', 'zh-CN'];
let words = {};
export let language = 'en';

/** The text of `key`, with `{name}` replaced. A count of one has a text of its own, if the language has. */
export function t(key, values = {}) {
  const text = (values.count === 1 ? words[`${key}.one`] : undefined) ?? words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** One of the two texts that the control API gives. */
export const either = (both) => (both ? (language === 'zh-CN' ? both.zh : both.en) : '');

/** The address's language, else the one chosen before, else the browser's. */
export function preferred(address) {
  const wanted = [address.get('lang'), stored('lang'), ...navigator.languages];
  for (const tag of wanted) {
    if (/^zh\b/i.test(tag ?? '')) return 'zh-CN';
    if (/^en\b/i.test(tag ?? '')) return 'en';
  }
  return 'en';
}

export async function speak(wanted) {
  const tag = LANGUAGES.includes(wanted) ? wanted : 'en';
  const response = await fetch(`/console/${tag}.json`);
  words = await response.json();
  language = tag;
  document.documentElement.lang = tag;
  /** @type {NodeListOf<HTMLElement>} */
  const texts = document.querySelectorAll('[data-t]');
  /** @type {NodeListOf<HTMLElement>} */
  const labels = document.querySelectorAll('[data-t-label]');
  for (const node of texts) node.textContent = t(node.dataset.t);
  for (const node of labels) node.setAttribute('aria-label', t(node.dataset.tLabel));
}

export function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function store(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // A browser that keeps nothing forgets the choice with the page.
  }
}
