// Which report of a use case was published last: for the publish stage, which writes, and for the live pages, which read.
import type { Pool } from 'pg';

export interface PublishedReportRef {
  readonly useCase: string;
  readonly run: string;
  /** Newest lake snapshot that the report read. */
  readonly snapshot: number;
  readonly artifactSha256: string;
  readonly htmlSha256: string;
}

interface StoredReport {
  readonly use_case: string;
  readonly run: string;
  readonly snapshot: string;
  readonly artifact_sha256: string;
  readonly html_sha256: string;
}

/** Reports by run; the pool's search_path names the environment's schema. */
export class PostgresPublishedReports {
  private readonly pool: Pool;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  /** Records the report of a run; publishing the same run again replaces its row. */
  async record({ useCase, run, snapshot, artifactSha256, htmlSha256 }: PublishedReportRef): Promise<void> {
    await this.pool.query(
      `insert into published_reports (use_case, run, snapshot, artifact_sha256, html_sha256) values ($1, $2, $3, $4, $5)
       on conflict (use_case, run) do update set
         snapshot = excluded.snapshot, artifact_sha256 = excluded.artifact_sha256, html_sha256 = excluded.html_sha256`,
      [useCase, run, snapshot, artifactSha256, htmlSha256],
    );
  }

  /** The newest report of a use case, or the newest at or before snapshot `at`. */
  async latest(useCase: string, at?: number): Promise<PublishedReportRef | undefined> {
    const { rows } = await this.pool.query<StoredReport>(
      `select * from published_reports where use_case = $1 and ($2::bigint is null or snapshot <= $2)
       order by snapshot desc, position desc limit 1`,
      [useCase, at ?? null],
    );
    const [row] = rows;
    return (
      row && {
        useCase: row.use_case,
        run: row.run,
        snapshot: Number(row.snapshot),
        artifactSha256: row.artifact_sha256,
        htmlSha256: row.html_sha256,
      }
    );
  }
}
