/** jest's global teardown. */
export default async function stopCluster() {
  await globalThis.dwaybankTestCluster?.stop();
}
