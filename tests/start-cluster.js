/** jest's global setup. It is JavaScript because jest loads it outside its own transforms; tsx reads the rest. */
import { tsImport } from 'tsx/esm/api';

export default async function startCluster() {
  const { startTestCluster } = await tsImport('./cluster.ts', import.meta.url);
  globalThis.dwaybankTestCluster = await startTestCluster();
}
