/*
 * Loaded before each test file by `npm run coverage`. Node hands this variable on to every process that is started from here,
 * whatever environment it is given; it does nothing to one that runs already.
 */
process.env["NODE_V8_COVERAGE"] = process.env["COUNT_CHILDREN_IN"];
