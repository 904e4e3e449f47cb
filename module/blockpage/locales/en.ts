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
        'This site is known to spread malware: harmful software that spies on you, damages your device or encrypts your files.',
    },
    phishing: {
      name: 'Phishing',
      sentence:
        'This site is known for phishing: it poses as a company or public authority that you trust, to steal your passwords or bank details.',
    },
    botnet: {
      name: 'Botnet',
      sentence: 'This address is known for controlling infected devices remotely.',
    },
    cryptojacking: {
      name: 'Cryptojacking',
      sentence:
        'This site is known to use its visitors’ devices in secret to mine cryptocurrency. The devices become slow and their battery drains fast.',
    },
    scam: {
      name: 'Scam',
      sentence:
        'This site is known for fraud, such as a fake web shop, an investment that is too good to be true or a prize that does not exist.',
    },
    'resolver-bypass': {
      name: 'Bypass of the protection',
      sentence:
        'This address belongs to a service through which devices would bypass the protection of your internet connection.',
    },
    blocked: {
      name: 'Blocked by another filter',
      sentence:
        'Another filter on your internet connection has already blocked this site, without telling us why.',
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
    testName: 'This is a test address. You see this page, so the protection works.',
    goBack: 'Go back or close this page.',
    haveChecked:
      'Did you not open this address yourself? Then one of your devices may be infected: have it checked.',
    nothingLoaded: 'Nothing from this site has been loaded.',
    enteredHeading: 'Did you enter something on this site earlier?',
    password: 'A password? Change it right away, everywhere you use it.',
    bank: (number) =>
      html`Did you enter card or bank details? Call Card Stop on ${number} and tell your bank. Card Stop can be reached day and night.`,
    police: 'Have you lost money? Report it to the local police.',
    infectedHeading: 'What if a device is infected?',
    infected: [
      'Disconnect the device from the internet until it has been checked.',
      'Install all updates and run a virus scan, or ask a specialist for help.',
      'Then change your most important passwords, on another device.',
    ],
    advice: (link) => html`Read what else you can do on ${link}.`,
    messageHeading: 'Did the link come in a message?',
    forward: (address) =>
      html`Do not reply. Forward the e-mail or a screenshot of the text message to ${address}, then delete it.`,
    mistakeHeading: 'Is this a mistake?',
    mistake:
      'If you are sure that this site is safe, let us know. The form opens with the name of the site filled in; nothing is sent until you press Send.',
    mistakeLink: 'Report a mistake',
    helpdesk: 'For the helpdesk:',
    helpdeskModem: (end) => `modem ${end}`,
    helpdeskList: (version) => `list ${version}`,
  },
  about: {
    heading: (service) => `About ${service}`,
    protects: (service) =>
      `${service} protects every device on your internet connection against dangerous sites.`,
    wouldProtect: (service) =>
      `While ${service} is active, every device on your internet connection is protected against dangerous sites.`,
    limits: (service) =>
      `No protection is complete: we cannot guarantee that every dangerous site is stopped, so stay alert. ${service} does not clean devices: it removes nothing from a device that is already infected.`,
    help: (operator) => `Help from ${operator}`,
  },
  status: {
    title: (service) => `${service}: status`,
    protected: 'Your internet connection is protected',
    unprotected: 'Your internet connection is not protected at the moment',
    outdated: 'Your protection is out of date',
    protectedText: (service) =>
      `${service} blocks dangerous sites on every device that is connected to this modem.`,
    outdatedText: (age) =>
      `The list of dangerous sites was received ${age}. Sites that have appeared since then are not blocked; the others still are.`,
    why: {
      disabled: 'The service is switched off for your internet connection. Your internet works as usual.',
      suspended:
        'The service is paused for maintenance or to protect the network. Your internet works as usual.',
      terminated:
        'You have no subscription to the service for this internet connection. Your internet works as usual.',
      'no-list':
        'The list of dangerous sites is still on its way to this modem. Your internet works as usual.',
      'self-test': 'The modem found a fault and is trying to repair it. Your internet works as usual.',
      paused: 'The service is paused temporarily, for all customers. Your internet works as usual.',
      other: 'The service is not active at the moment. Your internet works as usual.',
    },
    todo: {
      switchOn: (operator) => `Would you like to switch the protection on again? Contact ${operator}.`,
      subscribe: (operator) => `Would you like to have the protection? Ask ${operator} for it.`,
      wait: 'You need not do anything: the protection comes back by itself.',
      restart: (operator) =>
        `Does this message stay? Restart your modem. If that does not help, contact ${operator}.`,
    },
    since: (moment) => html`Since ${moment}`,
    notBlockedHeading: 'Looking for another site?',
    notBlocked: (name) =>
      html`${name} is not blocked (any more). Your browser may remember the old address for a minute: wait that long, then load the page again.`,
    notBlockedSoon: (name) =>
      html`${name} is no longer blocked. Your browser still remembers the old address: within about a minute, the site opens here by itself.`,
    weekHeading: 'Stopped in the last seven days',
    weekNone: 'No threats in the last seven days.',
    weekTotal: (count) => (count === 1 ? 'threat' : 'threats'),
    weekPicture: 'Threats stopped per day',
    weekCategory: 'Kind',
    weekCount: 'Times',
    unseenHeading: 'Did your browser show an error?',
    unseenWhy:
      'For a link that begins with https:// we cannot show our page: your browser then reports an error. An app often shows nothing at all.',
    unseen: (count, when) =>
      html`In the last 24 hours, a dangerous address was stopped ${count === 1 ? 'once' : `${count} times`} without our page being shown, last ${when}. We do not keep which address it was.`,
    listHeading: 'List of dangerous sites',
    list: (version, age) => `Version ${version}, received ${age}.`,
    listChecked: (age) => `Last checked: ${age}.`,
    listNone: 'No list on this modem yet.',
    tryHeading: 'Test the protection',
    try: 'The button opens a harmless test address that is always blocked. If you then see our block page, the protection works.',
    mistakeHeading: 'Is something wrong?',
    mistake: 'Is a safe site blocked, or a dangerous site not? Let us know.',
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
  weekdays: ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'],
  weekdayLetters: 3,
  clock: (hours, minutes) => `${String(hours).padStart(2, '0')}:${minutes}`,
  moment: (day, month, year, time) => `${day} ${month} ${year} at ${time}`,
  today: (time) => `today at ${time}`,
  yesterday: (time) => `yesterday at ${time}`,
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
