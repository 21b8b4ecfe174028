import { expect, test } from 'vitest';
import { Contact } from './contact.js';

test('contact lasts while replies come, breaks on failure and on silence', () => {
  let now = 1000;
  const contact = new Contact(500, () => now);
  const at = (time: number): void => {
    now = time;
  };
  expect([contact.lastContact(), contact.unbrokenSince()]).toEqual([undefined, undefined]);
  contact.made();
  at(1400);
  contact.made();
  at(1900);
  expect(contact.unbrokenSince()).toBe(1000);
  at(1901);
  expect(contact.unbrokenSince()).toBeUndefined();
  contact.made();
  expect([contact.lastContact(), contact.unbrokenSince()]).toEqual([1901, 1901]);
  at(2000);
  contact.broken();
  expect([contact.lastContact(), contact.unbrokenSince()]).toEqual([1901, undefined]);
  at(2100);
  contact.made();
  expect(contact.unbrokenSince()).toBe(2100);
});
