// What every part of the page uses: elements, words and messages.

export const $ = (id) => document.getElementById(id);

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export const percent = (value) => `${(100 * value).toFixed(1)} %`;
export const farther = ({ percentile }) => percent(percentile / 100);

// The labels of the page's own model are spelled out; others are the user's words.
export const isBuiltIn = (labels) => labels.length === 2 && labels[0] === 'ai' && labels[1] === 'real';
export const spoken = (label, labels) => (isBuiltIn(labels) && label === 'ai' ? 'AI-generated' : label);

// For those who hear the page; many in a row are one.
let last;
export function announce(text) {
  clearTimeout(last);
  last = setTimeout(() => { $('live').textContent = text; }, 300);
}

export function fail(text) {
  $('fatal').textContent = text;
  $('fatal').hidden = false;
}
