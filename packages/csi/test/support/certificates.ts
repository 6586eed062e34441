import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A certificate authority in a folder of a test. */
export interface TestAuthority {
  /** PEM file of its own certificate. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** Signs a new certificate for localhost, with a new key, into the two files; the subject's name tells it from others. */
  issue(name: string): Promise<void>;
}

/** Makes an authority; it has issued nothing yet. */
export async function testAuthority(folder: string): Promise<TestAuthority> {
  const [caFile, caKey] = [join(folder, "ca.crt"), join(folder, "ca.key")];
  const [certFile, keyFile] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  const [requestFile, namesFile] = [join(folder, "tls.csr"), join(folder, "names")];
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await writeFile(namesFile, "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  await run("openssl", ["req", "-x509", ...newKey, "-days", "2", "-subj", "/CN=ca", "-keyout", caKey, "-out", caFile]);
  return {
    caFile,
    certFile,
    keyFile,
    async issue(name) {
      const subject = ["-subj", `/CN=${name}`];
      await run("openssl", ["req", "-new", ...newKey, ...subject, "-keyout", keyFile, "-out", requestFile]);
      const signer = ["-CA", caFile, "-CAkey", caKey, "-CAcreateserial", "-days", "2"];
      await run("openssl", ["x509", "-req", ...signer, "-in", requestFile, "-extfile", namesFile, "-out", certFile]);
    },
  };
}
