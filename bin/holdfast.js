#!/usr/bin/env node
require("./code-cache.js");
require("../dist/main.js");
