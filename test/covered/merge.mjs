/*
 * Vitest and the bundler each have their own map of a source file, and differ in some columns: one says that an `else if`
 * begins at its `else`, the other at its `if`. So a place is found by all that can be said of it, and what is left over by
 * its line.
 */

/**
 * Adds what was counted by another map of the same file.
 * @param into an Istanbul file coverage, changed in place
 * @param from another one of the same file
 * @returns {number} how many branches of it could not be placed, though they were taken
 */
export function addCounts(into, from) {
  pair(into.statementMap, from.statementMap, statementKeys, (to, of) => (into.s[to] += from.s[of]));
  pair(into.fnMap, from.fnMap, functionKeys, (to, of) => (into.f[to] += from.f[of]));
  const unplaced = pair(into.branchMap, from.branchMap, branchKeys, (to, of) => {
    into.b[to] = into.b[to].map((count, arm) => count + from.b[of][arm]);
  });
  return unplaced.filter((id) => from.b[id].some((count) => count > 0)).length;
}

const at = ({ line, column }) => `${line}:${column}`;
const statementKeys = [
  ({ start, end }) => `${at(start)}-${at(end)}`,
  ({ start }) => at(start),
  ({ start }) => start.line,
];
const functionKeys = [({ decl }) => at(decl.start), ({ loc }) => at(loc.start), ({ decl }) => decl.start.line];
const branchKeys = [
  ({ type, loc, locations }) => `${type} ${at(loc.start)} ${locations.length}`,
  ({ type, loc, locations }) => `${type} ${loc.start.line} ${locations.length}`,
];

/** @returns the ids of `from` that have no counterpart */
function pair(into, from, keys, add) {
  let left = Object.keys(from);
  let open = Object.keys(into);
  for (const keyOf of keys) {
    const byKey = groupBy(open, (id) => keyOf(into[id]));
    const placed = new Set();
    left = left.filter((id) => {
      const to = byKey.get(keyOf(from[id]))?.shift();
      if (to === undefined) return true;
      placed.add(to);
      add(to, id);
      return false;
    });
    open = open.filter((id) => !placed.has(id));
  }
  return left;
}

/** As `Map.groupBy`, which Node 20 does not have. */
function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
