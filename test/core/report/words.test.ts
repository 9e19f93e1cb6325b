// Numbers as people read them.
import { describe, expect, it } from 'vitest';
import { count, counted, figure, largest, numberIn, percent, share, short, total } from '../../../core/report/words.ts';

describe('words', () => {
  it.each([
    [0, '0 %'],
    [0.0004, 'less than 0.1 %'],
    [0.0512, '5.1 %'],
    [0.12, '12 %'],
    [0.99987, '99.99 %'],
    [1, '100 %'],
    [-0.5, '-50 %'],
    [2.5, '250 %'],
  ])('reads %f as %s', (value, text) => expect(percent(value)).toBe(text));

  it('counts with the right noun', () => {
    expect([counted(1, 'order'), counted(2, 'order'), counted(1234, 'basket')]).toEqual([
      '1 order',
      '2 orders',
      '1,234 baskets',
    ]);
    expect([count(1234567.4), short(9_999), short(1_234_567)]).toEqual(['1,234,567', '9,999', '1.23M']);
    expect([figure(3), figure(0.123456), figure(123456.7)]).toEqual(['3', '0.1235', '123,457']);
  });

  it('sums, shares and finds over rows with gaps', () => {
    const rows = [{ a: 2 }, { a: null }, { a: '3' }, { b: 9 }];
    expect([total(rows, 'a'), share(1, 0), numberIn(rows[1], 'a'), numberIn(undefined, 'a')]).toEqual([5, 0, 0, 0]);
    expect(largest(rows, 'a')).toEqual({ a: '3' });
    expect(largest([], 'a')).toBeUndefined();
  });
});
