export { sourceText } from "./files";
export { renderNftables } from "./nftables";
export { privateTargets } from "./private-targets";
export { environmentFile, shellQuote } from "./shell";
export { MAX_USER_DATA_BYTES, bootstrapInput, renderUserData, userDataDigest, type UserDataInput } from "./user-data";
