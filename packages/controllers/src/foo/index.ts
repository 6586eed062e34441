export { extension, type FooOptions, foo } from "./foo.ts";
export { Foo, type FooSpec, type FooStatus } from "./resource.ts";
