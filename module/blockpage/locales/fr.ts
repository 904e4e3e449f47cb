import { html } from '../html.ts'
import type { Texts } from './texts.ts'

/** A no-break space goes before `:`, `?` and `;`, and inside « », as French typography asks. */
export const fr: Texts = {
  language: 'fr',
  self: 'Français',
  chooseLanguage: 'Langue',
  category: {
    malware: {
      name: 'Logiciels malveillants',
      sentence:
        'Ce site est connu pour diffuser des logiciels malveillants, qui vous espionnent, endommagent votre appareil ou prennent vos fichiers en otage.',
    },
    phishing: {
      name: 'Phishing (hameçonnage)',
      sentence:
        'Ce site est connu pour le phishing\u00a0: il se fait passer pour une entreprise ou une administration de confiance afin de voler vos mots de passe ou vos données bancaires.',
    },
    botnet: {
      name: 'Botnet',
      sentence: 'Cette adresse est connue pour commander à distance des appareils infectés.',
    },
    cryptojacking: {
      name: 'Minage clandestin',
      sentence:
        'Ce site est connu pour utiliser en secret les appareils de ses visiteurs afin de produire de la cryptomonnaie. Les appareils deviennent lents et leur batterie se vide vite.',
    },
    scam: {
      name: 'Escroquerie',
      sentence:
        'Ce site est connu pour des escroqueries, comme une fausse boutique en ligne, un placement trop beau pour être vrai ou un gain fictif.',
    },
    'resolver-bypass': {
      name: 'Contournement de la protection',
      sentence:
        'Cette adresse appartient à un service qui permettrait aux appareils de contourner la protection de votre connexion internet.',
    },
    blocked: {
      name: 'Bloqué par un autre filtre',
      sentence: 'Un autre filtre de votre connexion internet a déjà bloqué ce site, sans nous dire pourquoi.',
    },
    other: { name: 'Autres dangers', sentence: 'Ce site est connu pour être dangereux.' },
  },
  blocked: {
    title: 'Site bloqué',
    heading: 'Nous avons bloqué ce site',
    inOwnScript: 'Dans son écriture d’origine\u00a0:',
    imitation:
      'Attention\u00a0: certaines lettres de ce nom ressemblent à celles d’un autre alphabet. C’est souvent ainsi que l’on imite un nom connu.',
    listedAs: 'Dans la liste sous\u00a0:',
    testName: 'Ceci est une adresse de test. Si vous voyez cette page, la protection fonctionne.',
    goBack: 'Revenez en arrière ou fermez cette page.',
    haveChecked:
      'Vous n’avez pas ouvert cette adresse vous-même\u00a0? L’un de vos appareils est peut-être infecté\u00a0: faites-le vérifier.',
    nothingLoaded: 'Aucun contenu de ce site n’a été chargé.',
    enteredHeading: 'Avez-vous déjà saisi des données sur ce site auparavant\u00a0?',
    password: 'Un mot de passe\u00a0? Changez-le tout de suite, partout où vous l’utilisez.',
    bank: (number) =>
      html`Des données bancaires ou de carte\u00a0? Appelez Card Stop au ${number} et prévenez votre banque. Card Stop est joignable jour et nuit.`,
    police: 'Vous avez perdu de l’argent\u00a0? Portez plainte auprès de la police locale.',
    infectedHeading: 'Que faire si un appareil est infecté\u00a0?',
    infected: [
      'Déconnectez l’appareil d’internet jusqu’à ce qu’il ait été vérifié.',
      'Installez toutes les mises à jour et lancez une analyse antivirus, ou faites appel à un spécialiste.',
      'Changez ensuite vos mots de passe les plus importants, depuis un autre appareil.',
    ],
    advice: (link) => html`D’autres conseils sur ${link}.`,
    messageHeading: 'Le lien se trouvait dans un message\u00a0?',
    forward: (address) =>
      html`Ne répondez pas. Transférez l’e-mail ou une capture d’écran du SMS à ${address}, puis supprimez le message.`,
    mistakeHeading: 'Est-ce une erreur\u00a0?',
    mistake:
      'Vous avez la certitude que ce site est sûr\u00a0? Dites-le-nous. Le nom du site est déjà indiqué dans le formulaire\u00a0; rien n’est envoyé tant que vous n’avez pas cliqué sur «\u00a0Envoyer\u00a0».',
    mistakeLink: 'Signaler une erreur',
    helpdesk: 'Pour le service d’assistance\u00a0:',
    helpdeskModem: (end) => `modem ${end}`,
    helpdeskList: (version) => `liste ${version}`,
  },
  about: {
    heading: (service) => `À propos de ${service}`,
    protects: (service) =>
      `${service} protège tous les appareils de votre connexion internet contre les sites dangereux.`,
    wouldProtect: (service) =>
      `Lorsque ${service} est actif, tous les appareils de votre connexion internet sont protégés contre les sites dangereux.`,
    limits: (service) =>
      `Aucune protection n’est totale\u00a0: nous ne pouvons pas garantir que chaque site dangereux soit bloqué. Restez donc sur vos gardes. ${service} ne nettoie pas les appareils\u00a0: rien n’est supprimé d’un appareil déjà infecté.`,
    help: (operator) => `Assistance ${operator}`,
  },
  status: {
    title: (service) => `${service}\u00a0: état`,
    protected: 'Votre connexion internet est protégée',
    unprotected: 'Votre connexion internet n’est pas protégée en ce moment',
    outdated: 'Votre protection n’est plus à jour',
    protectedText: (service) =>
      `${service} bloque les sites dangereux sur tous les appareils connectés à ce modem.`,
    outdatedText: (age) =>
      `La liste des sites dangereux a été reçue ${age}. Les sites apparus depuis ne sont pas bloqués\u00a0; les autres le sont toujours.`,
    why: {
      disabled: 'Le service est désactivé pour votre connexion internet. Celle-ci fonctionne normalement.',
      suspended:
        'Le service est interrompu pour maintenance ou pour protéger le réseau. Votre connexion internet fonctionne normalement.',
      terminated:
        'Vous n’avez pas d’abonnement au service pour cette connexion internet. Celle-ci fonctionne normalement.',
      'no-list':
        'Ce modem n’a pas encore reçu la liste des sites dangereux. Votre connexion internet fonctionne normalement.',
      'self-test':
        'Le modem a détecté un problème et tente de le résoudre. Votre connexion internet fonctionne normalement.',
      paused:
        'Le service est momentanément interrompu pour tous les clients. Votre connexion internet fonctionne normalement.',
      other: 'Le service n’est pas actif en ce moment. Votre connexion internet fonctionne normalement.',
    },
    todo: {
      switchOn: (operator) => `Vous souhaitez réactiver la protection\u00a0? Adressez-vous à ${operator}.`,
      subscribe: (operator) => `Vous souhaitez cette protection\u00a0? Demandez-la à ${operator}.`,
      wait: 'Vous n’avez rien à faire\u00a0: la protection reprendra d’elle-même.',
      restart: (operator) =>
        `Le problème persiste\u00a0? Redémarrez votre modem. Si cela ne suffit pas, contactez ${operator}.`,
    },
    since: (moment) => html`Depuis le ${moment}`,
    notBlockedHeading: 'Vous cherchiez un autre site\u00a0?',
    notBlocked: (name) =>
      html`${name} n’est pas (ou plus) bloqué. Votre navigateur peut garder l’ancienne adresse en mémoire pendant une minute\u00a0: patientez, puis rechargez la page.`,
    notBlockedSoon: (name) =>
      html`${name} n’est plus bloqué. Votre navigateur garde encore l’ancienne adresse en mémoire\u00a0: d’ici une minute environ, le site s’ouvrira ici de lui-même.`,
    weekHeading: 'Menaces arrêtées au cours des sept derniers jours',
    weekNone: 'Aucune menace au cours des sept derniers jours.',
    weekTotal: (count) => (count < 2 ? 'menace' : 'menaces'),
    weekPicture: 'Menaces arrêtées par jour',
    weekCategory: 'Type',
    weekCount: 'Nombre',
    unseenHeading: 'Votre navigateur a affiché une erreur\u00a0?',
    unseenWhy:
      'Pour un lien qui commence par https://, nous ne pouvons pas afficher notre page\u00a0: votre navigateur signale alors une erreur. Une application n’affiche souvent rien.',
    unseen: (count, when) =>
      html`Au cours des dernières 24\u00a0heures, une adresse dangereuse a été bloquée ${count === 1 ? 'une fois' : `${count}\u00a0fois`} sans que notre page s’affiche, la dernière fois ${when}. Nous ne retenons pas de quelle adresse il s’agissait.`,
    listHeading: 'Liste des sites dangereux',
    list: (version, age) => `Version ${version}, reçue ${age}.`,
    listChecked: (age) => `Dernière vérification\u00a0: ${age}.`,
    listNone: 'Ce modem n’a pas encore de liste.',
    tryHeading: 'Tester la protection',
    try: 'Le bouton ouvre une adresse de test inoffensive, toujours bloquée. Si vous voyez ensuite notre page de blocage, la protection fonctionne.',
    mistakeHeading: 'Quelque chose ne va pas\u00a0?',
    mistake: 'Un site sûr est bloqué, ou un site dangereux ne l’est pas\u00a0? Dites-le-nous.',
  },
  months: [
    'janvier',
    'février',
    'mars',
    'avril',
    'mai',
    'juin',
    'juillet',
    'août',
    'septembre',
    'octobre',
    'novembre',
    'décembre',
  ],
  weekdays: ['dimanche', 'lundi', 'mardi', 'mercredi', 'jeudi', 'vendredi', 'samedi'],
  weekdayLetters: 3,
  clock: (hours, minutes) => `${hours}h${minutes}`,
  moment: (day, month, year, time) => `${day === 1 ? '1er' : day} ${month} ${year} à\u00a0${time}`,
  today: (time) => `aujourd’hui à\u00a0${time}`,
  yesterday: (time) => `hier à\u00a0${time}`,
  thousands: '\u202f',
  age: {
    moments: () => 'à l’instant',
    minute: (n) => `il y a ${n} minute${n > 1 ? 's' : ''}`,
    hour: (n) => `il y a ${n} heure${n > 1 ? 's' : ''}`,
    day: (n) => `il y a ${n} jour${n > 1 ? 's' : ''}`,
  },
  safeonweb: 'https://safeonweb.be/fr',
  suspicious: 'suspect@safeonweb.be',
}
