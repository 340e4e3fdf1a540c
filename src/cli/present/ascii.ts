/** What stands for each of our symbols where the terminal has no Unicode. */
const standIns: Readonly<Record<string, string>> = {
  "🔒": "*",
  "✅": "+",
  "❌": "x",
  "🔁": "@",
  "🤝": ">",
  "👋": "<",
  "💬": ">",
  "✋": "!",
  "🛑": "#",
  "🏁": "=",
  "💥": "x",
  "⏰": "!",
  "🧹": "~",
  "⏳": ".",
  "🚨": "!",
  "❔": "?",
  "✖": "x",
  "⚠": "!",
  "·": "-",
  "…": "...",
  "│": "|",
};

/** Our symbols in ASCII. Other text is left as it is: it may be a file name, which must stay the one it is. */
export function toAscii(text: string): string {
  const symbols = new RegExp(Object.keys(standIns).join("|"), "gu");
  return text.replaceAll(symbols, (symbol) => standIns[symbol] ?? symbol);
}
