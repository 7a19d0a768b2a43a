/** There will be no image of this source. The message is the reason for the pusher, to go after "Push rejected, ". */
export class BuildRefused extends Error {
  override name = 'BuildRefused';
}
