// Keeps the anchors of the audit's two chains close behind them: what was added since is verified, and only then the anchor moves. A chain
// that does not hold is told to the log at every look, and its anchor stays where it is, as evidence.
import { join } from 'node:path';
import type { Pool } from 'pg';
import { PostgresAudit } from '../../adapters/postgres/audit.ts';
import { PostgresAuditReads } from '../../adapters/postgres/audit-reads.ts';
import { AnchorFile } from '../../adapters/signing/anchor-file.ts';
import { type AuditHead, type AuditReport, type AuditRow, verifyAudit } from '../../core/audit.ts';
import { readChain } from '../../core/audit-read.ts';
import type { Log } from '../ports.ts';
import { tokenKeysIn } from './tokens.ts';

/** A chain as it is stored. */
interface StoredChain {
  rows(from?: number): AsyncIterable<AuditRow>;
  /** Where what has expired ended, for a chain of which something expires. */
  begin?(): Promise<AuditHead | undefined>;
}

export interface AnchoredChain {
  readonly name: 'changes' | 'reads';
  readonly audit: StoredChain;
  readonly anchor: AnchorFile;
}

/** Of changes. Signed by the key of the tokens: every API of the environment has it. */
export const anchorIn = (keys: string, environment: string): AnchorFile =>
  new AnchorFile(join(keys, 'audit-anchor.json'), environment, tokenKeysIn(keys, environment));

export const readsAnchorIn = (keys: string, environment: string): AnchorFile =>
  new AnchorFile(join(keys, 'audit-reads-anchor.json'), environment, tokenKeysIn(keys, environment), 'reads');

/** Both chains of an environment. */
export const chainsOf = (pool: Pick<Pool, 'query'>, keys: string, environment: string): readonly AnchoredChain[] => [
  { name: 'changes', audit: new PostgresAudit(pool), anchor: anchorIn(keys, environment) },
  { name: 'reads', audit: new PostgresAuditReads(pool), anchor: readsAnchorIn(keys, environment) },
];

/** Follows the chain from its beginning or, where there is an anchor, from there; moves the anchor if all is well. */
export const moveAnchor = async (
  audit: StoredChain,
  anchor: AnchorFile,
  { whole, at }: { readonly whole: boolean; readonly at: Date },
): Promise<AuditReport> => {
  const known = anchor.read();
  const report = await followed(audit, known, whole);
  // Another process may have moved it meanwhile.
  const latest = anchor.read();
  const isBehind = latest === undefined || report.head.seq > latest.seq || !anchor.isByCurrentKey(latest);
  if (report.faults.length === 0 && isBehind) anchor.write(report.head, at);
  return report;
};

const followed = async (audit: StoredChain, known: AuditHead | undefined, whole: boolean): Promise<AuditReport> => {
  const begin = await audit.begin?.();
  const first = begin?.seq ?? 0;
  const fromAnchor = !whole && known !== undefined && known.seq > first;
  const chain = audit.begin && readChain(begin);
  const report = await verifyAudit(audit.rows(fromAnchor ? known.seq : first + 1), known, fromAnchor, chain);
  // What expired under the reader's eyes was not taken out by anybody.
  const hasMoved = report.faults.length > 0 && ((await audit.begin?.())?.seq ?? 0) !== first;
  return hasMoved ? followed(audit, known, whole) : report;
};

export interface AnchorWatch {
  readonly chains: readonly AnchoredChain[];
  readonly log: Log;
  readonly now: () => number;
  readonly everyMs?: number;
}

const EVERY_MS = 60_000;

/** Looks every minute until it is stopped; the returned function looks a last time. */
export const keepAnchor = ({ chains, log, now, everyMs = EVERY_MS }: AnchorWatch): (() => Promise<void>) => {
  let busy: Promise<void> | undefined;
  const look = async ({ name, audit, anchor }: AnchoredChain) => {
    try {
      const { faults } = await moveAnchor(audit, anchor, { whole: false, at: new Date(now()) });
      for (const { seq, why } of faults)
        log.warn({ chain: name, seq, why }, 'The audit does not hold; see `perennial audit verify`');
    } catch (error) {
      log.warn({ chain: name, reason: String(error) }, 'The audit could not be anchored');
    }
  };
  const lookAtAll = async () => {
    for (const chain of chains) await look(chain);
  };
  const once = () => {
    busy ??= lookAtAll().finally(() => {
      busy = undefined;
    });
    return busy;
  };
  const timer = setInterval(() => void once(), everyMs).unref();
  return async () => {
    clearInterval(timer);
    await once();
  };
};
