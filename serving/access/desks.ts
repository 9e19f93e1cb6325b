// The audit and the keys of an environment behind the API's own routes. For server.ts.
import type { Pool } from 'pg';
import { PostgresApiKeys } from '../../adapters/postgres/api-keys.ts';
import { PostgresAudit } from '../../adapters/postgres/audit.ts';
import { PostgresAuditReads } from '../../adapters/postgres/audit-reads.ts';
import type { AuditReport } from '../../core/audit.ts';
import { PerennialError } from '../../core/errors.ts';
import type { KeyDesk } from '../routes/api-keys.ts';
import type { AuditDesk } from '../routes/audit.ts';
import { type AnchoredChain, moveAnchor } from './anchor.ts';

/** How long a verdict is told again: following the chains is work, in which others wait. */
const KEPT_MS = 10_000;

type Verdict = Awaited<ReturnType<AuditDesk['verify']>>;

export const auditDesk = (
  pool: Pick<Pool, 'query'>,
  chains: readonly AnchoredChain[],
  now: () => number,
): AuditDesk => {
  const changes = new PostgresAudit(pool);
  const reads = new PostgresAuditReads(pool);
  let latest: { readonly verdict: Promise<Verdict>; until: number } | undefined;
  return {
    changes: (question) => changes.find(question),
    reads: (question) => reads.find(question),
    verify: () => {
      if (latest && now() < latest.until) return latest.verdict;
      const verdict = verifyAll(chains, new Date(now()));
      const mine = { verdict, until: Number.POSITIVE_INFINITY };
      latest = mine;
      const done = (ms: number) => () => {
        mine.until = now() + ms;
      };
      // Whoever asked hears of a failure; the next one asks again.
      verdict.then(done(KEPT_MS), done(0));
      return verdict;
    },
  };
};

/** Both chains, from their beginnings. */
export const verifyAll = async (chains: readonly AnchoredChain[], at: Date): Promise<Verdict> => {
  const reports: Partial<Record<AnchoredChain['name'], AuditReport>> = {};
  for (const chain of chains) reports[chain.name] = await reportOf(chain, at);
  const { changes, reads } = reports;
  if (changes && reads) return { changes, reads };
  throw new Error('An environment has two chains');
};

/** An anchor that somebody changed is a finding like others; where its file stands is not for the world. */
const reportOf = async ({ audit, anchor }: AnchoredChain, at: Date): Promise<AuditReport> => {
  try {
    return await moveAnchor(audit, anchor, { whole: true, at });
  } catch (error) {
    if (!(error instanceof PerennialError && error.code === 'NOT_TRUSTED')) throw error;
    const why = 'the anchor is not trusted: see `perennial audit verify`';
    return { rows: 0, head: { seq: 0, hash: '0'.repeat(64) }, faults: [{ seq: 0, why }] };
  }
};

export const keyDesk = (pool: Pick<Pool, 'query'>): KeyDesk => new PostgresApiKeys(pool);
