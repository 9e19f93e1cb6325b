// HTML with everything escaped by default: a tagged template that trusts only what was built by it.

/** Markup that may stand in a document as it is. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toString(): string {
    return this.text;
  }
}

export type Fragment = string | number | Html | readonly Fragment[] | undefined | false;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);

/** `html\`<p>${text}</p>\``: interpolated text is escaped, `Html` and lists of it are not, `undefined` and `false` vanish. */
export const html = (parts: TemplateStringsArray, ...values: readonly Fragment[]): Html =>
  new Html(parts.reduce((text, part, at) => text + markup(values[at - 1]) + part));

/** Markup from a renderer that escapes by itself; `prefix` keeps its ids apart from those of its neighbours in the document. */
export const drawing = (svg: string, prefix: string): Html => new Html(numberIds(svg, `${prefix}-`));

/**
 * Renames the ids of an SVG to `prefix` and a number in order of appearance: renderers count over the life of a process, and equal
 * drawings should be equal text.
 */
export const numberIds = (svg: string, prefix: string): string => {
  const names = new Map([...svg.matchAll(/\bid="([^"]+)"/g)].map(([, id = ''], at) => [id, `${prefix}${at + 1}`]));
  const renamed = (id: string): string => names.get(id) ?? id;
  return svg
    .replace(/\bid="([^"]+)"/g, (_, id: string) => `id="${renamed(id)}"`)
    .replace(/url\(#([^)]+)\)/g, (_, id: string) => `url(#${renamed(id)})`)
    .replace(/href="#([^"]+)"/g, (_, id: string) => `href="#${renamed(id)}"`);
};

const markup = (value: Fragment): string => {
  if (value === undefined || value === false) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(markup).join('');
  return escapeHtml(String(value));
};
