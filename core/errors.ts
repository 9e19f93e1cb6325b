// Every error the product raises on purpose, by code, for the activities (which tell Temporal whether to retry) and for people.
// Two kinds only: hopeless (a broken contract, an unknown name: never retried) and the rest (thrown with its cause, retried).

const HOPELESS = [
  'INVALID_INPUT',
  'UNKNOWN_NAME',
  'CONTRACT_BROKEN',
  'FILE_REFUSED',
  'LAW_BROKEN',
  'PARITY_BROKEN',
  'HASH_MISMATCH',
  'NOTHING_TO_DO',
  'FORBIDDEN',
] as const;
const RETRYABLE = ['PARENT_MOVED', 'MISSING_PART', 'UNAVAILABLE', 'CHILD_DIED', 'CONFLICT', 'NOT_TRUSTED'] as const;

export type ErrorCode = (typeof HOPELESS)[number] | (typeof RETRYABLE)[number];

/** True for a code of ours; other failures have types of their own. */
export const isErrorCode = (code: unknown): code is ErrorCode =>
  ([...HOPELESS, ...RETRYABLE] as readonly unknown[]).includes(code);

export interface ErrorContext {
  /** The field, column, option or setting at fault. */
  readonly field?: string;
  /** The value found there, shortened by the caller if it is long. */
  readonly value?: unknown;
  /** What the reader should do now, as an imperative sentence. */
  readonly mend?: string;
  readonly cause?: unknown;
}

/** An error with a stable code; `message` already names the field, the value and the mend. */
export class PerennialError extends Error {
  readonly code: ErrorCode;
  readonly context: ErrorContext;

  constructor(code: ErrorCode, message: string, context: ErrorContext = {}) {
    super(sentence(message, context), { cause: context.cause });
    this.name = 'PerennialError';
    this.code = code;
    this.context = context;
  }

  /** True where a retry cannot help. */
  get hopeless(): boolean {
    return (HOPELESS as readonly string[]).includes(this.code);
  }
}

const sentence = (message: string, { field, value, mend }: ErrorContext): string => {
  const where = field === undefined ? '' : ` (${field}${value === undefined ? '' : ` = ${JSON.stringify(value)}`})`;
  return `${message}${where}${mend === undefined ? '' : `. ${mend}`}`;
};
