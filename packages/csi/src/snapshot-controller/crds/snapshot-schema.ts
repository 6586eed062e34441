import { type CrdSchema, fields, text } from "../../crds/schema.ts";

/** The last failure of a snapshot. */
export const errorSchema: CrdSchema = fields(
  {
    message: text("What went wrong. It may be logged and holds no secrets."),
    time: text("When it went wrong.", { format: "date-time" }),
  },
  { description: "The last failure; absent after a success." },
);

/** What happens to the snapshot on the storage. */
export function deletionPolicy(of: string): CrdSchema {
  return text(`Whether ${of} on the storage is deleted with its object: "Delete" or "Retain".`, {
    enum: ["Delete", "Retain"],
  });
}
