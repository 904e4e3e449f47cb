import { afterAll, beforeAll, test } from 'vitest'
import { addresses, Household } from './household-in-namespaces.ts'
import { LanBrowser, names, upstreamAnswers, modes, type Mode } from './browser-in-lan.ts'
import { lines, Modem } from './modem.ts'
const home = new Household(), modem = new Modem(home), lan = new LanBrowser(home)
home.answers = upstreamAnswers
beforeAll(async () => {
  await home.open(); await modem.prepare(['who.example', names.listed, names.hsts]); await modem.start()
  modem.operator('line','enable',lines.fixed,'--json')
  await lan.prepare()
}, 90000)
afterAll(async () => { lan.close(); await home.close() })
test('try', async () => {

      const a = addresses.service6

      home.exec('modem', ['nft','-f','-'], 'table inet dbg { chain p { type filter hook postrouting priority 300; icmpv6 type destination-unreachable log; icmpv6 type destination-unreachable oifname br-lan counter comment "lan"\n icmpv6 type destination-unreachable oifname wan0 counter comment "wan"\n icmpv6 type destination-unreachable oifname lo counter comment "lo"\n icmpv6 type destination-unreachable icmpv6 code port-unreachable counter comment "port"\n icmpv6 type destination-unreachable icmpv6 code addr-unreachable counter comment "addr"\n icmpv6 type destination-unreachable ip6 daddr fd00:1::10 counter comment "toula" \n icmpv6 type destination-unreachable ip6 saddr fd53::/16 counter comment "fs"\n}\n}')
      const asker = `const s = require('node:dgram').createSocket('udp6')
        s.on('error', (e) => { console.log(e.code); process.exit() })
        s.connect(443, '${a}', () => { console.log(s.address()); s.send(Buffer.alloc(10, 0xc0)) })
        setTimeout(() => process.exit(), 1500)`
      const udp = home.attempt('lan', [process.execPath, '-e', asker])
      console.log(udp.stdout, home.exec('modem', ['nft','list','table','inet','dbg']), home.exec('modem',['ip','-6','route','get','fd00:1::10']),home.exec('lan',['ip','-6','addr']))
    const ctx = await lan.open('strict', 'p-s')
    const tab = await ctx.newPage()
    await tab.goto('http://'+names.listed+'/').catch(() => null)

    await tab.goto('https://'+names.news+'/?to=http://'+names.listed+'/')
    await tab.screenshot({path:'/tmp/securenet-shots/i.png'})
    await tab.locator('a').click({noWaitAfter:true})
    await new Promise(r => setTimeout(r, 2500))
    console.log('link', tab.url(), (await tab.content()).length)
    await tab.screenshot({path:'/tmp/securenet-shots/i.png'})
    console.log((await tab.content()).slice(0,200))
    console.log(ctx.pages().map(p=>p.url()))
    await ctx.close()
    console.log(home.attempt('lan', ['timeout','20','/usr/bin/chromium','--headless','--no-sandbox','--disable-gpu','--disable-background-networking','--user-data-dir='+home.dir+'/p-s','--screenshot=/tmp/securenet-shots/j.png','--dump-dom','http://'+names.listed+'/'], {...process.env, HOME: home.dir}).stdout.slice(0,600))
}, 120000)
