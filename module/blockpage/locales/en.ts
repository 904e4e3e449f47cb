import { html } from '../html.ts'
import type { Texts } from './texts.ts'

export const en: Texts = {
  language: 'en',
  self: 'English',
  chooseLanguage: 'Language',
  category: {
    malware: {
      name: 'Malware',
      sentence:
        'This site is known to spread malware: harmful software that spies on you, damages your device or locks your files.',
    },
    phishing: {
      name: 'Phishing',
      sentence:
        'This site is known for phishing: it poses as a company or public authority that you trust, to steal your passwords or bank details.',
    },
    botnet: {
      name: 'Botnet',
      sentence:
        'This address is known for controlling infected devices remotely. If you did not open it yourself, one of your devices may be infected: have it checked.',
    },
    cryptojacking: {
      name: 'Cryptojacking',
      sentence:
        'This site is known to use its visitors’ devices in secret to generate cryptocurrency, which makes them slow and drains the battery.',
    },
    scam: {
      name: 'Scam',
      sentence:
        'This site is known for fraud, such as a fake web shop, an investment that is too good to be true or a prize that does not exist.',
    },
    'resolver-bypass': {
      name: 'Bypass',
      sentence:
        'This address belongs to a service through which devices would bypass the protection of your line.',
    },
    blocked: {
      name: 'Blocked by another filter',
      sentence: 'Another filter on this connection has already blocked this site. It does not tell us why.',
    },
    other: { name: 'Other dangers', sentence: 'This site is known to be dangerous.' },
  },
  blocked: {
    title: 'Site blocked',
    heading: 'We have blocked this site',
    inOwnScript: 'Written in its own letters:',
    imitation:
      'Beware: some letters of this name look like those of another alphabet. Well-known names are often imitated that way.',
    listedAs: 'On the list as:',
    nothingLoaded: 'Nothing from this site has been loaded.',
    testName: 'This is a test address. You see this page, so the protection works.',
    nowHeading: 'Did the link come in a message?',
    goBack: 'Go back or close this page. That is all you need to do.',
    forward: (address) =>
      html`Do not reply. Forward the e-mail or a screenshot of the text message to ${address}, then delete it.`,
    mistakeHeading: 'Is this a mistake?',
    mistake:
      'If you are sure that this site is safe, let us know. The form opens with the name of the site filled in; nothing is sent until you send it.',
    mistakeLink: 'Report a mistake',
    passwordHeading: 'What if I typed a password?',
    password: 'Change it right away, everywhere you use it.',
    bank: (number) =>
      html`Did you give card or bank details? Call Card Stop on ${number}, day and night, and tell your bank.`,
    advice: (link) => html`Read what else you can do on ${link}.`,
  },
  about: {
    heading: 'Who protects you',
    protects: (service) => `${service} protects every device on this line against dangerous sites.`,
    limits: (service) =>
      `No protection is complete: we cannot guarantee that every dangerous site is stopped, so stay alert. ${service} does not clean devices: it removes nothing from a device that is already infected.`,
    help: (operator) => `Help from ${operator}`,
  },
  status: {
    title: (service) => `${service}: status`,
    protected: 'This line is protected',
    unprotected: 'This line is not protected at the moment',
    protectedText: (service) =>
      `${service} blocks dangerous sites on every device that is connected to this modem.`,
    why: {
      disabled: 'The service is switched off for this line. Your internet works as usual.',
      suspended:
        'The service is paused for maintenance or to protect the network. Your internet works as usual.',
      terminated: 'There is no subscription to the service on this line. Your internet works as usual.',
      'no-list':
        'The list of dangerous sites is still on its way to this modem. Your internet works as usual.',
      'self-test': 'The modem found a fault and is trying to repair it. Your internet works as usual.',
      paused: 'The service is paused for everybody for a while. Your internet works as usual.',
      other: 'The service is not active at the moment. Your internet works as usual.',
    },
    since: (moment) => html`Since ${moment}`,
    notBlockedHeading: 'Looking for another site?',
    notBlocked: (name) =>
      html`${name} is not blocked (any more). Your browser may remember the old address for a minute: wait that long, then load the page again.`,
    notBlockedSoon: (name) =>
      html`${name} is no longer blocked. Your browser still remembers the old address: within about a minute, the site opens here by itself.`,
    weekHeading: 'Stopped this week',
    weekNone: 'No threats so far.',
    weekTotal: (count) => (count === 1 ? 'threat' : 'threats'),
    weekCategory: 'Kind',
    weekCount: 'Times stopped',
    listHeading: 'List of dangerous sites',
    list: (version, age) => `Version ${version}, received ${age}.`,
    listNone: 'No list on this modem yet.',
    tryHeading: 'Try it',
    try: 'These addresses are harmless and always blocked. Open one to see the page of a blocked site.',
  },
  months: [
    'January',
    'February',
    'March',
    'April',
    'May',
    'June',
    'July',
    'August',
    'September',
    'October',
    'November',
    'December',
  ],
  moment: (day, month, year, time) => `${day} ${month} ${year}, ${time}`,
  thousands: ',',
  age: {
    moments: () => 'moments ago',
    minute: (n) => (n === 1 ? 'a minute ago' : `${n} minutes ago`),
    hour: (n) => (n === 1 ? 'an hour ago' : `${n} hours ago`),
    day: (n) => (n === 1 ? 'a day ago' : `${n} days ago`),
  },
  safeonweb: 'https://safeonweb.be/en',
  suspicious: 'suspicious@safeonweb.be',
}
