// The verdicts as files, in the form of `levit classify`: the columns of --csv, and of --json the members that a page knows.

// The shortest digits that give back a float32.
function number(value) {
  for (let digits = 1; digits < 9; ++digits) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}

// RFC 4180.
function field(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(items, { labels, familiarity }) {
  // A single logit is the second label's.
  const single = items.some(({ verdict }) => verdict !== undefined && verdict.logits.length < labels.length);
  const heads = [...labels.map((label) => `probability ${label}`), ...labels.slice(single ? 1 : 0).map((label) => `logit ${label}`)];
  const lines = [`path,index,label,probability,unsure,width,height,error,incomplete,says,${heads.map(field).join(',')}${familiarity > 0 ? ',distance,percentile,unlike' : ''}`];
  const commas = heads.length + (familiarity > 0 ? 3 : 0);
  for (const { name, error, verdict } of items) {
    if (error !== undefined) {
      lines.push(`${field(name)},,,,,,,${field(error)},,${','.repeat(commas)}`);
    } else if (verdict !== undefined) {
      const values = [...verdict.probabilities, ...verdict.logits].map(number);
      const { distance, percentile, unlike } = verdict.familiarity ?? {};
      const known = familiarity > 0 ? [number(distance), number(percentile), unlike] : [];
      lines.push([field(name), '', field(verdict.label), number(verdict.probability), verdict.unsure, verdict.width,
        verdict.height, '', '', '', ...values, ...known].join(','));
    }
  }
  return lines.join('\r\n') + '\r\n';
}

export function json(items, { labels }) {
  return items.filter(({ error, verdict }) => error ?? verdict).map(({ name, error, verdict }) => {
    if (error !== undefined) return `${JSON.stringify({ path: name, error })}\n`;
    const shortest = (value) => Number(number(value));
    const line = {
      path: name,
      label: verdict.label,
      probability: shortest(verdict.probability),
      probabilities: Object.fromEntries(labels.map((label, i) => [label, shortest(verdict.probabilities[i])])),
      logits: verdict.logits.map(shortest),
      width: verdict.width,
      height: verdict.height,
      unsure: verdict.unsure,
    };
    if (verdict.familiarity) {
      const { distance, percentile, unlike } = verdict.familiarity;
      line.familiarity = { distance: shortest(distance), percentile: shortest(percentile), unlike };
    }
    return `${JSON.stringify(line)}\n`;
  }).join('');
}

export function save(content, name, type) {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}
