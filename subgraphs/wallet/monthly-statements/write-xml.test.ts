import { expect, test } from '@jest/globals';
import { toXml } from './write-xml.ts';

test('writes elements in their order, attributes, text and lists, and leaves out what is undefined', () => {
  const amount = { '@Ccy': 'EUR', '#': '1.00' };
  expect(toXml({ B: 'x', A: { Amt: amount, No: undefined }, C: [{ D: '1' }, { D: '2' }] })).toBe(
    '<B>x</B><A><Amt Ccy="EUR">1.00</Amt></A><C><D>1</D></C><C><D>2</D></C>',
  );
});

test.each([
  [`a < b & "c" > d`, 'a &lt; b &amp; &quot;c&quot; &gt; d'],
  [']]>', ']]&gt;'],
  ['two\r\nlines', 'two&#xD;\nlines'],
  ['bell \u0007, half \uD800, none \uFFFE', 'bell \uFFFD, half \uFFFD, none \uFFFD'],
  ['日本 😀', '日本 😀'],
])('writes %j as text that reads back', (text, xml) => {
  expect(toXml({ A: text })).toBe(`<A>${xml}</A>`);
  expect(toXml({ A: { '@b': text } })).toBe(`<A b="${xml}"></A>`);
});
