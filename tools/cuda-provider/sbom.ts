/**
 * `node tools/cuda-provider/sbom.ts <file>`: adds what `tools/install-cuda-provider --libraries` installs to a CycloneDX
 * list of packages, as the image for GPUs has it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cudaFacts } from '../../libs/inference/src/cuda-facts.ts';
import { CUDA_PACKAGES, PROVIDER_PACKAGE } from './install.ts';

interface Component {
  readonly type: 'library';
  readonly name: string;
  readonly version: string;
  readonly purl: string;
}

const [file] = process.argv.slice(2);
const list = JSON.parse(readFileSync(file, 'utf8')) as { components: Component[] };
for (const { name, version } of [
  { name: PROVIDER_PACKAGE, version: cudaFacts().engineVersion },
  ...CUDA_PACKAGES,
]) {
  list.components.push({ type: 'library', name, version, purl: `pkg:pypi/${name}@${version}` });
}
writeFileSync(file, `${JSON.stringify(list, null, 2)}\n`);
