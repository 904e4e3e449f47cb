import { loadBatchAddon } from '../../../module/platform/batch/addon.ts'

const addon = loadBatchAddon(process.argv[2]!, (why) => console.log(why))
if (addon) console.log('loaded')
