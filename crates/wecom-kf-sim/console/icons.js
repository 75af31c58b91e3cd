// The drawings: one path each, in a square of 24.

const SVG = 'http://www.w3.org/2000/svg';

const ICONS = {
  copy: 'M9 9h10v11H9zM5 15V4h10',
  plus: 'M12 5v14M5 12h14',
  send: 'M4 12 20 4l-5 16-3.5-6.500zM11.5 13.5 20 4',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.400M17.6 17.6 19 19M19 5l-1.4 1.400M6.4 17.6 5 19',
  moon: 'M20 14.500A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.500z',
  auto: 'M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18',
  language: 'M4 6h9M8.5 4v2M11 6c-.6 3.6-3 6.6-6.5 8.500M6 9.500c1.5 2.5 3.5 4 6 5M12 20l4.5-10L21 20M13.6 16.500h5.8',
  help: 'M9 9a3 3 0 1 1 4.5 2.600c-1 .6-1.5 1.2-1.5 2.400M12 17.500v.1M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
  search: 'M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM20 20l-4.7-4.7',
  repeat: 'M4 11a7 7 0 0 1 12-4.500L19 9M19 4v5h-5M20 13a7 7 0 0 1-12 4.500L5 15M5 20v-5h5',
  close: 'M6 6l12 12M18 6 6 18',
  pencil: 'M4 20l1-4L16 5l3 3L8 19zM14 7l3 3',
  enter: 'M13 4h6v16h-6M4 12h11M11 8l4 4-4 4',
  person: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.5 20c1-4 4-5.5 7.5-5.500s6.5 1.5 7.5 5.5',
  bot: 'M5 9h14v10H5zM12 9V5M12 4.5v.1M9 13.2v1.6M15 13.2v1.6M2.5 13v3M21.5 13v3',
  people:
    'M9 5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM2.5 19c.8-3.5 3.3-4.8 6.5-4.800s5.7 1.3 6.5 4.800M16 5.300a3.5 3.5 0 0 1 0 6.400M18 14.700c2 .6 3.2 2 3.7 4.3',
  chat: 'M4 5h16v11h-9l-4 4v-4H4z',
  list: 'M8 6h12M8 12h12M8 18h12M4 6h.1M4 12h.1M4 18h.1',
  sliders: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4',
  pin: 'M12 21c4-5 6.5-8 6.5-11.500a6.5 6.5 0 0 0-13 0C5.5 13 8 16 12 21zM12 7.500a2 2 0 1 0 0 4 2 2 0 0 0 0-4z',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  play: 'M8 5l11 7-11 7z',
  pause: 'M8 5v14M16 5v14',
  voice: 'M5 10v4M9 7v10M13 4v16M17 8v8M21 11v2',
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 8.500h.1',
  link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1',
  out: 'M9 5H5v14h14v-4M13 4h7v7M20 4l-9 9',
  app: 'M8 13a3 3 0 1 0 3 3V8a3 3 0 1 1 3 3M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
  card: 'M3 6h18v12H3zM8.5 9.500a1.7 1.7 0 1 0 0 3.4 1.7 1.7 0 0 0 0-3.400zM5.5 16c.5-1.5 1.6-2 3-2s2.5.5 3 2M14 10h4M14 13.500h4',
  cart: 'M3 4h3l2.5 11h9L20 7H7M10 19h.1M17 19h.1',
  code: 'M8 7l-5 5 5 5M16 7l5 5-5 5M13.5 5l-3 14',
  key: 'M8 11a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM11 12l8-8M16 7l3 3',
  bolt: 'M13 3 5 13.500h6L10 21l9-11h-6z',
  flag: 'M6 21V4M6 5h11l-2 4 2 4H6',
  clock: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.5 2',
  right: 'M4 12h16M14 6l6 6-6 6',
  left: 'M20 12h-3M14 12h-3M8 12H4M10 6l-6 6 6 6',
  down: 'M6 9l6 6 6-6',
  chevron: 'M9 6l6 6-6 6',
  undo: 'M8 5 4 9l4 4M4 9h10a5 5 0 0 1 0 10h-4',
  check: 'M5 12.5 10 17.5 19.5 7',
  warn: 'M12 4 2.5 20h19zM12 10v4.500M12 17.300v.1',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5',
  reset: 'M5 5v5h5M5.5 10A7.5 7.5 0 1 1 5 14',
  corp: 'M5 21V4h9v17M14 9h5v12M3 21h18M8 8h.1M11 8h.1M8 12h.1M11 12h.1M8 16h.1M11 16h.1',
  star: 'M12 4l2.500 5.100 5.600.8-4 4 .9 5.600-5-2.700-5 2.700.9-5.600-4-4 5.600-.8z',
  calendar: 'M4 6h16v14H4zM4 10h16M8 3v4M16 3v4',
  tick: 'M4 12.5l5 5L20 6.500',
  ticks: 'M1.500 12.500l5 5L16.500 6.500M12 15.500l2 2L23 6.500',
  plug: 'M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4',
  gear: 'M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 2.500v3M12 18.500v3M2.500 12h3M18.500 12h3M5.300 5.300l2.100 2.100M16.600 16.600l2.100 2.100M18.700 5.300l-2.100 2.100M7.400 16.600l-2.100 2.100',
  up: 'M6 15l6-6 6 6',
  video: 'M3 6h12v12H3zM15 10.5 21 7v10l-6-3.500z',
};

/** One for each state of a session: hollow circle, diamond, triangle, full circle, square. */
const SHAPES = [
  'M8 2.800a5.2 5.2 0 1 0 0 10.400A5.2 5.2 0 0 0 8 2.800z',
  'M8 1.5 14.5 8 8 14.5 1.5 8z',
  'M8 2.5 15 14H1z',
  'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z',
  'M2.5 2.500h11v11h-11z',
];

/** A drawing for those who see it. The words beside it, or the button's label, are for everybody. */
export const icon = (name, className = '') => draw(24, ICONS[name], `icon ${className}`);

/** The shape of a session's state. */
export const shape = (state) => draw(16, SHAPES[state] ?? SHAPES[0], 'shape');

function draw(size, line, className) {
  const node = document.createElementNS(SVG, 'svg');
  node.setAttribute('viewBox', `0 0 ${size} ${size}`);
  node.setAttribute('class', className);
  node.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', line);
  node.append(path);
  return node;
}
