import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const directory = join(import.meta.dirname, "../../schema/output");
const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, allErrors: true });
addFormats.default(ajv);
for (const name of readdirSync(directory)) ajv.addSchema(JSON.parse(readFileSync(join(directory, name), "utf8")));

/**
 * What is wrong with a document by one of the published schemas; nothing when it is as promised.
 * @param name `status` for status.schema.json
 */
export function schemaProblems(name: string, document: unknown): readonly string[] {
  const validate = ajv.getSchema(`${name}.schema.json`);
  if (validate === undefined) throw new Error(`No schema is called ${name}`);
  if (validate(document) === true) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) => {
    return `${instancePath} ${message} ${JSON.stringify(params)}`;
  });
}
