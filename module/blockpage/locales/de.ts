import { html } from '../html.ts'
import type { Texts } from './texts.ts'

export const de: Texts = {
  language: 'de',
  self: 'Deutsch',
  chooseLanguage: 'Sprache',
  category: {
    malware: {
      name: 'Schadsoftware',
      sentence:
        'Diese Website ist dafür bekannt, Schadsoftware zu verbreiten, die Sie ausspioniert, Ihr Gerät beschädigt oder Ihre Dateien sperrt.',
    },
    phishing: {
      name: 'Phishing',
      sentence:
        'Diese Website ist für Phishing bekannt: Sie gibt sich als vertrauenswürdiges Unternehmen oder als Behörde aus, um Ihre Passwörter oder Bankdaten zu stehlen.',
    },
    botnet: {
      name: 'Botnetz',
      sentence:
        'Diese Adresse ist dafür bekannt, infizierte Geräte fernzusteuern. Wenn Sie sie nicht selbst geöffnet haben, ist möglicherweise eines Ihrer Geräte infiziert: Lassen Sie es überprüfen.',
    },
    cryptojacking: {
      name: 'Cryptojacking',
      sentence:
        'Diese Website ist dafür bekannt, auf den Geräten ihrer Besucher heimlich Kryptowährung zu erzeugen. Das macht die Geräte langsam und leert den Akku.',
    },
    scam: {
      name: 'Betrug',
      sentence:
        'Diese Website ist für Betrug bekannt, etwa mit einem falschen Onlineshop, einer Geldanlage, die zu schön ist, um wahr zu sein, oder einem Gewinn, den es nicht gibt.',
    },
    'resolver-bypass': {
      name: 'Umgehung',
      sentence:
        'Diese Adresse gehört zu einem Dienst, mit dem Geräte den Schutz Ihres Anschlusses umgehen würden.',
    },
    blocked: {
      name: 'Von einem anderen Filter gesperrt',
      sentence:
        'Ein anderer Filter dieser Verbindung hat diese Website bereits gesperrt, ohne einen Grund zu nennen.',
    },
    other: { name: 'Andere Gefahren', sentence: 'Diese Website ist als gefährlich bekannt.' },
  },
  blocked: {
    title: 'Website gesperrt',
    heading: 'Wir haben diese Website gesperrt',
    inOwnScript: 'In der eigenen Schrift:',
    imitation:
      'Vorsicht: Manche Buchstaben dieses Namens ähneln denen eines anderen Alphabets. So werden oft bekannte Namen nachgeahmt.',
    listedAs: 'In der Liste unter:',
    nothingLoaded: 'Von dieser Website wurde nichts geladen.',
    testName: 'Dies ist eine Testadresse. Dass Sie diese Seite sehen, zeigt, dass der Schutz funktioniert.',
    nowHeading: 'Kam der Link in einer Nachricht?',
    goBack: 'Gehen Sie zurück oder schließen Sie diese Seite. Mehr brauchen Sie nicht zu tun.',
    forward: (address) =>
      html`Antworten Sie nicht. Leiten Sie die E-Mail oder einen Screenshot der SMS an ${address} weiter und löschen Sie die Nachricht danach.`,
    mistakeHeading: 'Ist das ein Irrtum?',
    mistake:
      'Sind Sie sicher, dass diese Website ungefährlich ist? Dann melden Sie es uns. Im Formular ist der Name der Website bereits eingetragen; gesendet wird erst, wenn Sie es abschicken.',
    mistakeLink: 'Irrtum melden',
    passwordHeading: 'Was, wenn ich ein Passwort eingegeben habe?',
    password: 'Ändern Sie es sofort, überall dort, wo Sie es verwenden.',
    bank: (number) =>
      html`Haben Sie Karten- oder Bankdaten eingegeben? Rufen Sie Tag und Nacht Card Stop unter ${number} an und informieren Sie Ihre Bank.`,
    advice: (link) => html`Was Sie sonst noch tun können, lesen Sie auf ${link}.`,
  },
  about: {
    heading: 'Wer schützt Sie?',
    protects: (service) => `${service} schützt alle Geräte an diesem Anschluss vor gefährlichen Websites.`,
    limits: (service) =>
      `Kein Schutz ist lückenlos: Wir können nicht garantieren, dass jede gefährliche Website gesperrt wird. Bleiben Sie also wachsam. ${service} bereinigt keine Geräte: Von einem bereits infizierten Gerät wird nichts entfernt.`,
    help: (operator) => `Hilfe von ${operator}`,
  },
  status: {
    title: (service) => `${service}: Status`,
    protected: 'Dieser Anschluss ist geschützt',
    unprotected: 'Dieser Anschluss ist im Moment nicht geschützt',
    protectedText: (service) =>
      `${service} sperrt gefährliche Websites auf jedem Gerät, das mit diesem Modem verbunden ist.`,
    why: {
      disabled: 'Der Dienst ist für diesen Anschluss ausgeschaltet. Ihr Internet funktioniert wie gewohnt.',
      suspended:
        'Der Dienst ist wegen Wartung oder zum Schutz des Netzes unterbrochen. Ihr Internet funktioniert wie gewohnt.',
      terminated: 'Für diesen Anschluss besteht kein Abonnement. Ihr Internet funktioniert wie gewohnt.',
      'no-list':
        'Die Liste der gefährlichen Websites ist noch unterwegs zu diesem Modem. Ihr Internet funktioniert wie gewohnt.',
      'self-test':
        'Das Modem hat einen Fehler entdeckt und versucht, ihn zu beheben. Ihr Internet funktioniert wie gewohnt.',
      paused: 'Der Dienst ist vorübergehend für alle unterbrochen. Ihr Internet funktioniert wie gewohnt.',
      other: 'Der Dienst ist im Moment nicht aktiv. Ihr Internet funktioniert wie gewohnt.',
    },
    since: (moment) => html`Seit dem ${moment}`,
    notBlockedHeading: 'Wollten Sie eine andere Website öffnen?',
    notBlocked: (name) =>
      html`${name} ist nicht (mehr) gesperrt. Ihr Browser merkt sich die alte Adresse bis zu einer Minute: Warten Sie so lange und laden Sie die Seite dann neu.`,
    notBlockedSoon: (name) =>
      html`${name} ist nicht mehr gesperrt. Ihr Browser merkt sich die alte Adresse noch kurz: In etwa einer Minute öffnet sich die Website hier von selbst.`,
    weekHeading: 'Diese Woche abgewehrt',
    weekNone: 'Bisher keine Bedrohungen.',
    weekTotal: (count) => (count === 1 ? 'Bedrohung' : 'Bedrohungen'),
    weekCategory: 'Art',
    weekCount: 'Wie oft abgewehrt',
    listHeading: 'Liste der gefährlichen Websites',
    list: (version, age) => `Version ${version}, ${age} empfangen.`,
    listNone: 'Auf diesem Modem ist noch keine Liste.',
    tryHeading: 'Probieren Sie es aus',
    try: 'Diese Adressen sind harmlos und immer gesperrt. Öffnen Sie eine, um die Sperrseite zu sehen.',
  },
  months: [
    'Januar',
    'Februar',
    'März',
    'April',
    'Mai',
    'Juni',
    'Juli',
    'August',
    'September',
    'Oktober',
    'November',
    'Dezember',
  ],
  moment: (day, month, year, time) => `${day}. ${month} ${year}, ${time}\u00a0Uhr`,
  thousands: '.',
  age: {
    moments: () => 'soeben',
    minute: (n) => (n === 1 ? 'vor einer Minute' : `vor ${n} Minuten`),
    hour: (n) => (n === 1 ? 'vor einer Stunde' : `vor ${n} Stunden`),
    day: (n) => (n === 1 ? 'vor einem Tag' : `vor ${n} Tagen`),
  },
  safeonweb: 'https://safeonweb.be/de',
  suspicious: 'suspekt@safeonweb.be',
}
