// The house: imports point one way, files stay small, the catalogue matches the folders. A failure says where the line belongs.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { useCases } from '../models/index.ts';

const ROOT = path.join(import.meta.dirname, '..');
const ROOMS = [
  'core',
  'models',
  'workflows',
  'activities',
  'adapters',
  'workers',
  'environments',
  'serving',
  'cli',
  'bench',
  'test',
] as const;
type Room = (typeof ROOMS)[number];

/** What each room may import; types of activities may also reach workflows, checked apart. */
const MAY: Readonly<Record<Room, readonly Room[]>> = {
  core: [],
  models: ['core'],
  environments: ['core'],
  adapters: ['core'],
  workflows: ['core'],
  activities: ['core', 'models', 'adapters'],
  serving: ['core', 'models', 'adapters', 'environments'],
  workers: ['core', 'models', 'adapters', 'activities', 'environments', 'workflows'],
  cli: ['core', 'models', 'adapters', 'activities', 'environments', 'workflows', 'workers', 'serving'],
  bench: ['core', 'models', 'adapters', 'activities', 'environments', 'workflows', 'workers', 'cli', 'test'],
  test: ROOMS,
};

const filesIn = (folder: string): string[] =>
  readdirSync(path.join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|sql)$/.test(entry.name))
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)));

const product = ROOMS.filter((room) => room !== 'test').flatMap(filesIn);
const typescript = [...product, ...filesIn('test')].filter((file) => file.endsWith('.ts'));
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

/** What is imported at the top, and what is loaded where it is needed. */
const importsOf = (file: string): Import[] => {
  const text = read(file);
  const at = (target = '') => path.normalize(path.join(path.dirname(file), target));
  const above = [...text.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from '(\.[^']+)';/gms)];
  const within = [...text.matchAll(/\bimport\('(\.[^']+)'\)/g)];
  return [
    ...above.map(([, type, target]) => ({ from: file, to: at(target), typeOnly: type !== undefined })),
    ...within.map(([, target]) => ({ from: file, to: at(target), typeOnly: false })),
  ];
};

const roomOf = (file: string): Room => file.split(path.sep)[0] as Room;
const allowed = ({ from, to, typeOnly }: Import): boolean => {
  const [here, there] = [roomOf(from), roomOf(to)];
  if (here === there) return true;
  if (here === 'workflows' && there === 'activities') return typeOnly;
  return MAY[here].includes(there);
};

const all = typescript.flatMap(importsOf);

describe('imports point one way', () => {
  it('between rooms', () => {
    const strays = all
      .filter((line) => !allowed(line))
      .map(
        ({ from, to }) => `${from} → ${to}: ${roomOf(from)} may import ${MAY[roomOf(from)].join(', ') || 'nothing'}`,
      );
    expect(strays).toEqual([]);
  });

  it('an adapter knows no other adapter', () => {
    const tool = (file: string) => file.split(path.sep).slice(0, 2).join('/');
    const strays = all.filter(
      ({ from, to }) => roomOf(from) === 'adapters' && roomOf(to) === 'adapters' && tool(from) !== tool(to),
    );
    expect(strays.map(({ from, to }) => `${from} → ${to}: pass it in from activities or workers`)).toEqual([]);
  });

  it('a use case knows no other use case', () => {
    const folder = (file: string) => file.split(path.sep)[1];
    const strays = all.filter(
      ({ from, to }) =>
        roomOf(from) === 'models' &&
        roomOf(to) === 'models' &&
        from !== 'models/index.ts' &&
        folder(from) !== folder(to),
    );
    expect(strays.map(({ from, to }) => `${from} → ${to}: share through core`)).toEqual([]);
  });

  it('process.env is read in environments alone', () => {
    const strays = product.filter((file) => roomOf(file) !== 'environments' && /process\.env\b/.test(read(file)));
    expect(strays).toEqual([]);
  });

  it('workflows stay free of zod, whose weight each cached workflow would carry', () => {
    const reach = (file: string, seen = new Set<string>()): Set<string> => {
      if (seen.has(file)) return seen;
      seen.add(file);
      for (const { to, typeOnly } of importsOf(file)) if (!typeOnly) reach(to, seen);
      return seen;
    };
    expect([...reach('workflows/index.ts')].filter((file) => /from 'zod'/.test(read(file)))).toEqual([]);
  });
});

describe('files stay small and say what they are', () => {
  const lines = (file: string) => read(file).split('\n').length - 1;
  const quantile = (values: number[], q: number) =>
    values.sort((a, b) => a - b)[Math.floor((values.length - 1) * q)] ?? 0;

  it('in size', () => {
    const sizes = product.filter((file) => file.endsWith('.ts')).map(lines);
    expect(product.filter((file) => lines(file) > (file.endsWith('.sql') ? 120 : 400))).toEqual([]);
    expect(quantile(sizes, 0.5)).toBeLessThanOrEqual(100);
    expect(quantile(sizes, 0.95)).toBeLessThanOrEqual(250);
  });

  it('with a door plate', () => {
    const bare = [...product, ...filesIn('test')].filter((file) => !/^(\/\/|--|#!|\/\*)/.test(read(file)));
    expect(bare).toEqual([]);
  });

  it('without loopholes in the types', () => {
    const loophole = new RegExp(['\\bas any\\b', ': any\\b', '@ts-(ignore|expect-error)', 'biome-ignore'].join('|'));
    expect(typescript.filter((file) => file !== 'test/architecture.test.ts' && loophole.test(read(file)))).toEqual([]);
  });

  it('in rooms with telling names', () => {
    expect(typescript.filter((file) => /\b(utils?|helpers?|common|managers?)\b/.test(file))).toEqual([]);
  });
});

describe('the catalogue', () => {
  it('names exactly the folders of models/', () => {
    const folders = readdirSync(path.join(ROOT, 'models')).filter((name) =>
      statSync(path.join(ROOT, 'models', name)).isDirectory(),
    );
    expect(useCases.map(({ name }) => name).sort()).toEqual(folders.sort());
  });

  it('finds a test folder for every use case', () => {
    const mirrored = readdirSync(path.join(ROOT, 'test', 'models'));
    expect(useCases.map(({ name }) => name).filter((name) => !mirrored.includes(name))).toEqual([]);
  });
});

describe('models and SQL are pure', () => {
  it('no clock, no chance', () => {
    const inTypeScript = /(Date\.now\(\)|new Date\(\)|Math\.random\(\))/;
    const inSql = /\b(now\(\)|current_date|current_timestamp|random\(\))/i;
    const impure = (file: string) => (file.endsWith('.sql') ? inSql : inTypeScript).test(code(file));
    const files = product.filter((file) => roomOf(file) === 'models' || roomOf(file) === 'core');
    const code = (file: string) =>
      read(file)
        .replace(/--.*$/gm, '')
        .replace(/\/\/.*$/gm, '');
    expect(files.filter(impure)).toEqual([]);
  });
});
