// What an environment demands of whatever is promoted into it. A setting of each environment; recorded in every piece of evidence.

export interface PromotionPolicy {
  /** How many people must approve, other than whoever asked. */
  readonly approvals: number;
  /** Days that may lie between the end of what a model was trained on and the end of the data it is to answer for. */
  readonly maxAgeDays: number;
  readonly maxPackageBytes: number;
}
