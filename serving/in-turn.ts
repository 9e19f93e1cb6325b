// Steps that are mostly done at once and now and then must wait: a promise only where there is something to wait for, since thousands of
// requests a second would each pay for those that are not needed.

export type MaybeLater<T> = T | Promise<T>;

/** Goes on with `value` now if it is here, and otherwise once it is. */
export const inTurn = <T, U>(value: MaybeLater<T>, next: (value: T) => MaybeLater<U>): MaybeLater<U> =>
  value instanceof Promise ? value.then(next) : next(value);
