/**
 * The rules of holdfast's house that no stock lint rule can express. A house has floors: code may use its own floor and
 * the floors listed for it, never one above, by whatever kind of import. See CONTRIBUTING.md.
 */
import path from "node:path";
import { fileURLToPath } from "node:url";

const floor = ["failure"];
const ground = [...floor, "home", "process", "journal", "lock", "tmux"];

/** Which parts of src/ (a folder, or a file directly in it) each part may import, besides itself. */
const mayImport = {
  failure: [],
  home: floor,
  process: floor,
  journal: [...floor, "home"],
  tmux: [...floor, "process"],
  lock: [...floor, "home", "process"],
  session: ground,
  keeper: [...ground, "session"],
  cli: [...ground, "session", "keeper"],
  main: [...ground, "session", "cli"],
};

/** The two programs; nothing imports them, and only they decide how the process ends. */
const entries = ["main.ts", "keeper/main.ts"];
const printers = "cli/present/";
const src = fileURLToPath(new URL("../src", import.meta.url));

/** The path below src/, with forward slashes, or undefined for a file elsewhere. */
function withinSrc(file) {
  const relative = path.relative(src, file).split(path.sep).join("/");
  return relative.startsWith("../") ? undefined : relative;
}

function partOf(relative) {
  return relative.split("/")[0].replace(/\.ts$/, "");
}

function refusalOf(importer, specifier, file) {
  if (!specifier.startsWith(".")) return undefined;
  const imported = withinSrc(path.resolve(path.dirname(file), specifier));
  if (imported === undefined) {
    return specifier.endsWith(".json") ? undefined : `src/ imports nothing from outside it, but here ${specifier}.`;
  }
  if (entries.includes(imported)) return `src/${imported} is a program: nothing imports it.`;
  const [from, to] = [partOf(importer), partOf(imported)];
  if (from === to || mayImport[from].includes(to)) return undefined;
  return `${from} may not import ${to}; it may import ${mayImport[from].join(", ") || "nothing"}.`;
}

const oneWay = {
  create(context) {
    const importer = withinSrc(context.filename);
    if (importer === undefined) return {};
    if (!Object.hasOwn(mayImport, partOf(importer))) {
      const message = `${partOf(importer)} has no place in the house yet: give it one in lint/house.mjs.`;
      return { Program: (node) => context.report({ node, message }) };
    }
    const check = ({ source }) => {
      if (typeof source?.value !== "string") return;
      const message = refusalOf(importer, source.value, context.filename);
      if (message !== undefined) context.report({ node: source, message });
    };
    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      TSImportType: check,
    };
  },
};

/** The name of the property of the global `process` that this node reads: `process.exit` is "exit". */
function processProperty(node) {
  if (node?.type !== "MemberExpression" || node.object.type !== "Identifier") return undefined;
  if (node.object.name !== "process") return undefined;
  return node.computed ? node.property.value : node.property.name;
}

const onlyEntriesExit = {
  create(context) {
    const file = withinSrc(context.filename);
    if (file === undefined || entries.includes(file)) return {};
    return {
      MemberExpression(node) {
        const property = processProperty(node);
        if (!["exit", "exitCode", "reallyExit", "abort"].includes(property)) return;
        const message = `Only ${entries.join(" and ")} decide how the process ends: return a value or throw a Failure.`;
        context.report({ node, message });
      },
    };
  },
};

/** What may be asked of a standard stream anywhere: facts about the terminal. */
const streamFacts = ["isTTY", "columns", "rows", "fd", "getColorDepth", "hasColors", "on", "once", "off"];

const onlyPresentersPrint = {
  create(context) {
    const file = withinSrc(context.filename);
    if (file === undefined || file.startsWith(printers)) return {};
    const message = `Only src/${printers} prints: return a value, and let a presenter render it.`;
    return {
      MemberExpression(node) {
        if (node.object.type === "Identifier" && node.object.name === "console") context.report({ node, message });
        if (!["stdout", "stderr"].includes(processProperty(node))) return;
        const asked = node.parent.type === "MemberExpression" && node.parent.object === node;
        // main.ts hands the streams to the presenters; the keeper has none, only stderr for the trace of a bug.
        const handedOver = file === "main.ts" && !asked;
        const lastWords = file === "keeper/main.ts" && processProperty(node) === "stderr";
        if (handedOver || lastWords || (asked && streamFacts.includes(node.parent.property.name))) return;
        context.report({ node, message });
      },
    };
  },
};

export default {
  meta: { name: "house" },
  rules: {
    "one-way": oneWay,
    "only-entries-exit": onlyEntriesExit,
    "only-presenters-print": onlyPresentersPrint,
  },
};
