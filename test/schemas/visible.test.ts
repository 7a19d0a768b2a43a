import test from 'ava';
import {visible} from '../../schemas/visible.ts';

const shows = test.macro<[string, string]>((t, text, expected) => {
  t.is(visible(text), expected);
  // What is JSON stays JSON that says the same.
  t.is(JSON.parse(visible(JSON.stringify(text))), text);
});

test('plain text', shows, 'Grüße, 你好 🎉\tand\nmore', 'Grüße, 你好 🎉\tand\nmore');
test('line ends of Windows', shows, 'one\r\ntwo\r', 'one\r\ntwo\r');
test('a line that is written over', shows, 'rm -rf /\rls', 'rm -rf /\\u000dls');
test('a title of the window', shows, '\u001b]0;hacked\u0007', '\\u001b]0;hacked\\u0007');
test('a screen that is cleared', shows, '\u001b[2J\u001b[H', '\\u001b[2J\\u001b[H');
test('what is put into the clipboard', shows, '\u001b]52;c;cm0gLXJmIC8=\u001b\\', '\\u001b]52;c;cm0gLXJmIC8=\\u001b\\');
test('the same in 8 bits', shows, '\u009b2J', '\\u009b2J');
test('backspaces', shows, 'evil\b\b\b\bgood', 'evil\\u0008\\u0008\\u0008\\u0008good');
test('directions of writing', shows, 'admin\u202egpj.exe', 'admin\\u202egpj.exe');
test('colours', shows, '\u001b[1;31mred\u001b[0m', '\u001b[1;31mred\u001b[0m');
test('colours by number', shows, '\u001b[38;5;208morange\u001b[m', '\u001b[38;5;208morange\u001b[m');
test('a colour that would go on', shows, '\u001b[30mblack', '\u001b[30mblack\u001b[0m');
test('what is to be hidden', shows, '\u001b[8msecret', '\\u001b[8msecret');
test('what is to be hidden among other things', shows, '\u001b[1;08;4msecret', '\\u001b[1;08;4msecret');
test('nothing', shows, '', '');
