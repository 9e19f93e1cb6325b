// Keeps the audit's anchor close behind the audit: what was added since is verified, and only then the anchor moves. A chain that does not
// hold is told to the log at every look, and the anchor stays where it is, as evidence.
import { join } from 'node:path';
import type { PostgresAudit } from '../../adapters/postgres/audit.ts';
import { AnchorFile } from '../../adapters/signing/anchor-file.ts';
import { type AuditReport, verifyAudit } from '../../core/audit.ts';
import type { Log } from '../ports.ts';
import { tokenKeysIn } from './tokens.ts';

/** Signed by the key of the tokens: every API of the environment has it. */
export const anchorIn = (keys: string, environment: string): AnchorFile =>
  new AnchorFile(join(keys, 'audit-anchor.json'), environment, tokenKeysIn(keys, environment));

/** Follows the chain from its beginning or, where there is an anchor, from there; moves the anchor if all is well. */
export const moveAnchor = async (
  audit: Pick<PostgresAudit, 'rows'>,
  anchor: AnchorFile,
  { whole, at }: { readonly whole: boolean; readonly at: Date },
): Promise<AuditReport> => {
  const known = anchor.read();
  const fromAnchor = !whole && known !== undefined && known.seq > 0;
  const report = await verifyAudit(audit.rows(fromAnchor ? known.seq : 1), known, fromAnchor);
  // Another process may have moved it meanwhile.
  const latest = anchor.read();
  const isBehind = latest === undefined || report.head.seq > latest.seq || !anchor.isByCurrentKey(latest);
  if (report.faults.length === 0 && isBehind) anchor.write(report.head, at);
  return report;
};

export interface AnchorWatch {
  readonly audit: Pick<PostgresAudit, 'rows'>;
  readonly anchor: AnchorFile;
  readonly log: Log;
  readonly now: () => number;
  readonly everyMs?: number;
}

const EVERY_MS = 60_000;

/** Looks every minute until it is stopped; the returned function looks a last time. */
export const keepAnchor = ({ audit, anchor, log, now, everyMs = EVERY_MS }: AnchorWatch): (() => Promise<void>) => {
  let busy: Promise<void> | undefined;
  const look = async () => {
    try {
      const { faults } = await moveAnchor(audit, anchor, { whole: false, at: new Date(now()) });
      for (const { seq, why } of faults)
        log.warn({ seq, why }, 'The audit does not hold; see `perennial audit verify`');
    } catch (error) {
      log.warn({ reason: String(error) }, 'The audit could not be anchored');
    }
  };
  const once = () => {
    busy ??= look().finally(() => {
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
