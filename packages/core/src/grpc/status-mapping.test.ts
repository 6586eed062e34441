import { describe, expect, it } from "vitest";
import { KxError } from "../error.ts";
import { coreErrors } from "../errors.ts";
import { errorStatusOf, goStatusName, grpcStatuses, isGrpcErrorStatus, statusNumber } from "./status.ts";
import { grpcError, toStatus } from "./status-mapping.ts";

describe("statuses", () => {
  it("have their numbers on the wire, their names in Go and their rows in the catalogue", () => {
    expect(statusNumber("OK")).toBe(0);
    expect(statusNumber("UNAUTHENTICATED")).toBe(16);
    expect(grpcStatuses.map(goStatusName).slice(0, 5)).toEqual([
      "OK",
      "Canceled",
      "Unknown",
      "InvalidArgument",
      "DeadlineExceeded",
    ]);
    for (const status of grpcStatuses.filter(isGrpcErrorStatus)) {
      expect(errorStatusOf(statusNumber(status))).toBe(status);
      expect(coreErrors).toHaveProperty(`KX_GRPC_${status}`);
    }
    expect([errorStatusOf(0), errorStatusOf(99), errorStatusOf(-1)]).toEqual(["UNKNOWN", "UNKNOWN", "UNKNOWN"]);
  });
});

describe("toStatus", () => {
  it("takes the status from the details, then from the table, then from the code", () => {
    const table = { KX_VOLUME_MISSING: "NOT_FOUND", KX_GRPC_ABORTED: "UNAVAILABLE" } as const;
    const status = (error: unknown) => toStatus(error, table).status;
    expect(status(new KxError("KX_VOLUME_MISSING", "x", { details: { grpc: "ABORTED" } }))).toBe("ABORTED");
    expect(status(new KxError("KX_VOLUME_MISSING", "x"))).toBe("NOT_FOUND");
    expect(status(new KxError("KX_GRPC_ABORTED", "x"))).toBe("UNAVAILABLE");
    expect(status(new KxError("KX_GRPC_OUT_OF_RANGE", "x"))).toBe("OUT_OF_RANGE");
    expect(status(new KxError("KX_OTHER_THING", "x"))).toBe("INTERNAL");
    expect(status(new KxError("KX_OTHER_THING", "x", { details: { grpc: "OK" } }))).toBe("INTERNAL");
  });

  it("says code, reason and remedy of our errors, and the reason alone where the status says the code", () => {
    expect(toStatus(new KxError("KX_VOLUME_MISSING", "no volume v1", { remedy: "create it" })).message).toBe(
      "[KX_VOLUME_MISSING] no volume v1 (create it)",
    );
    expect(toStatus(grpcError("NOT_FOUND", "no volume v1", { remedy: "create it" })).message).toBe(
      "no volume v1 (create it)",
    );
  });

  it.each([new Error("password=hunter2"), "hunter2", undefined, KxError.from(new Error("hunter2"))])(
    "tells nothing of an error that is not ours: %s",
    (error) => {
      expect(toStatus(error)).toEqual({
        status: "INTERNAL",
        message: expect.not.stringContaining("hunter2"),
        statusDetails: [],
      });
    },
  );

  it("takes secrets out by their form, and what cannot be sent", () => {
    const { message } = toStatus(grpcError("ABORTED", "token=abc123 \uD800"));
    expect(message).toBe("token=[redacted] \uFFFD");
  });
});
