/** What a container ID and a network's name look like (specification, section 2). */
export const cniNamePattern: RegExp = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** What the kernel takes as an interface's name: 1 to 15 bytes, no slash, colon or white space, not `.` or `..`. */
export const interfaceNamePattern: RegExp = /^(?!\.{1,2}$)[^/:\s]{1,15}$/;
