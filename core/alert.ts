// What people are told without having asked: an alert, who may receive it, and how it reads. For activities, which find and deliver alerts,
// and for workflows, which see each one through to its receivers.

export const severities = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof severities)[number];

export interface Alert {
  /** The same occasion, the same key: however often it is found, receivers are told once. */
  readonly key: string;
  readonly environment: string;
  readonly severity: Severity;
  readonly title: string;
  readonly text: string;
  /** ISO time of the occasion. */
  readonly at: string;
  /** Where to look, if there is a page. */
  readonly link?: string;
}

/** Carries an alert to one place. Thrown errors say by their code whether another try may help. */
export interface Notifier {
  /** Of its receiver, unique in an environment. */
  readonly name: string;
  /** From this severity on. */
  readonly from: Severity;
  deliver(alert: Alert, signal: AbortSignal): Promise<void>;
}

export interface AlertOutcome {
  readonly delivered: readonly string[];
  readonly failed: readonly string[];
}

export const wants = ({ from }: Pick<Notifier, 'from'>, { severity }: Alert): boolean =>
  severities.indexOf(severity) >= severities.indexOf(from);

/** One line, for subjects and lists. */
export const alertSubject = ({ environment, severity, title }: Alert): string =>
  `[${environment}] ${severity}: ${title}`.replace(/\s+/g, ' ');

/** The whole message as plain text. */
export const alertText = ({ text, at, link, key }: Alert): string =>
  [text, ...(link === undefined ? [] : [link]), `${at} · ${key}`].join('\n\n');
